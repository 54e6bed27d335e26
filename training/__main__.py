"""`python -m training`: the container's entrypoint."""

import sys

from training.launch import main

sys.exit(main())
