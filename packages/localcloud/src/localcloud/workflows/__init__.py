"""Step Functions: state machines in the Amazon States Language, checked, interpreted and served."""
