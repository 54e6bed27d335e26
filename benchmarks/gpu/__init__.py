"""Our loop on a GPU, beside TRL: tokens a second, and their share of the GPU's peak."""
