"""What an environment costs before anything of it is deployed: idle, a run, 1,000 requests."""
