"""HTTP in and out: requests read, and answers written, by AWS's own service models."""
