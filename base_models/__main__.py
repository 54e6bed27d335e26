"""`python -m base_models`: the processing container's entrypoint."""

import os
import sys

# Read by huggingface_hub when it is imported: plain HTTPS, and nothing told of who asks.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from base_models import job

sys.exit(job.main(os.environ))
