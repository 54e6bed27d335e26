"""The base model job: a model from elsewhere, checked and turned into what the lake keeps."""
