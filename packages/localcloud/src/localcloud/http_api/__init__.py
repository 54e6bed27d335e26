"""API Gateway REST APIs: the control plane, and the front that answers an API's own callers."""
