"""Providers compared: one set of questions, asked of any number of models behind an API."""
