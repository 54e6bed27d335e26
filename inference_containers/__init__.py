"""Inference containers: each loads a model, predicts with it and serves it over one contract."""
