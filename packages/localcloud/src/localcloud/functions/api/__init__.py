"""Lambda's API: its operations, by what they are about."""
