"""The embedding container: texts become vectors, by a transformers encoder."""
