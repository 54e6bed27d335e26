"""Constructs, one concern each."""
