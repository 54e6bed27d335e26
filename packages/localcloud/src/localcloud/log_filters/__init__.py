"""Filters of log groups: their patterns, metrics made of what matches, and subscriptions."""
