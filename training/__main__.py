"""`python -m training`: the container's entrypoint."""

import sys

from meguru.accelerator import load_newer_driver
from training.launch import main

# Before torch is imported: the workers inherit what is loaded here.
load_newer_driver()
sys.exit(main())
