"""The events that carry the loop on, as they stand on the account's event bus."""

from __future__ import annotations

DATASET_VERSION_FROZEN = "Dataset Version Frozen"
MODEL_VERSION_REGISTERED = "Model Version Registered"
MODEL_VERSION_REFUSED = "Model Version Refused"
MODEL_VERSION_RELEASED = "Model Version Released"
RUN_FAILED = "Run Failed"
SCALING_NOT_REGISTERED = "Scaling Not Registered"
TRAINING_PUT_OFF = "Training Put Off"

# Why somebody looks whether there is something to curate or to train.
NEW_DATA = "new_data"
FEEDBACK = "feedback"
SCHEDULE = "schedule"
QUALITY = "quality"
CURATED = "curated"
ENDED = "ended"
COMMIT = "commit"
CLOCK = "clock"


def event_source(environment: str) -> str:
    """The source of an environment's events: another's on the same bus are not its own."""
    return f"meguru.{environment}"
