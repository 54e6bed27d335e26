"""The text container: chat completions from a transformers model."""
