"""What creates each type of resource: one module for each AWS service."""
