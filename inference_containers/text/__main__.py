"""`python -m inference_containers.text`: the container's entrypoint."""

from inference_containers.text.serve import main

main()
