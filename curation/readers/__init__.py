"""Readers of raw objects, one a format: every record with its line, and what can't be read."""
