"""The evaluation job: how good a model is on questions it has not seen, and against which other."""
