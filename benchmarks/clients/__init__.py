"""Unmodified clients against the API, each in an environment of its own."""
