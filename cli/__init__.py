"""The `meguru` command."""
