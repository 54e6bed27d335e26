"""What an answer has used, said in the log for the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_containers.serving import usage_log

if TYPE_CHECKING:
    from inference_containers.text.predict import Prediction


def report(reservation: str | None, prediction: Prediction | None) -> None:
    """Say in the log what a request has used that names a reservation; nothing: it was refused."""
    num_tokens = prediction.generation.num_tokens if prediction else 0
    # The prompt was read if there is a token after it.
    num_read = len(prediction.generation.prompt) if prediction and num_tokens else 0
    usage_log.report(reservation, num_read, num_tokens)
