"""The data job: raw objects and feedback become a dataset version that never changes."""
