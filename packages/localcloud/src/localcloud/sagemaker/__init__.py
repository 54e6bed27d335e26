"""Amazon SageMaker on one machine: jobs, model registry, endpoints, and their scaling."""
