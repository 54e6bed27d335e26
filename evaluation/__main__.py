"""`python -m evaluation`: the processing container's entrypoint."""

import os
import sys

from meguru.accelerator import load_newer_driver


def main() -> int:
    load_newer_driver()
    from evaluation import job  # brings torch

    return job.main(os.environ)


sys.exit(main())
