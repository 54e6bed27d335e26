"""`python -m inference_containers.embedding`: the container's entrypoint."""

from inference_containers.embedding.serve import main
from meguru.accelerator import load_newer_driver

# Before anything is served: serving imports torch.
load_newer_driver()
main()
