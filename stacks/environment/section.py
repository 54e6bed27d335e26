"""What every part of an environment file is: nothing unknown in it, nothing changed afterwards."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

SECTION = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Settings(BaseModel):
    """A part of the environment file."""

    model_config = SECTION
