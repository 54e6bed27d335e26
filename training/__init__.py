"""The training job: one loop for every objective, on spot capacity, under SageMaker's contract."""
