"""API Gateway's control plane: one module for each kind of thing it keeps."""
