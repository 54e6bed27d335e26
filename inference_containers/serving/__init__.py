"""SageMaker's contract with a model server, which every container of ours keeps."""
