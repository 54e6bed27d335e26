"""What was measured, beside peers where there are any: `python -m benchmarks.NAME`."""
