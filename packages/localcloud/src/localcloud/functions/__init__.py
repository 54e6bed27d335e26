"""Lambda: functions, their processes, layers, and what invokes them."""
