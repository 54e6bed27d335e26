"""`python -m evaluation`: the processing container's entrypoint."""

import os
import sys

from evaluation.job import main

sys.exit(main(os.environ))
