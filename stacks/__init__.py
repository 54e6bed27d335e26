"""Infrastructure: one set of stacks for every environment."""
