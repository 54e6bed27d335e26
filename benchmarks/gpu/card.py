"""The GPU that is here, and the peak that its maker gives."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from meguru.instance_offers import GIB, OFFERS

# Dense 16-bit tensor FLOP/s, NVIDIA's data sheets: of the kit's instance types, and of some others.
PEAKS = {
    **{offer.gpu.name: offer.gpu.flops for offer in OFFERS.values() if offer.gpu},
    "A10": 125e12,
    "H100 PCIe": 756e12,
    "H200": 989e12,
    "B200": 2250e12,
}


@dataclass(frozen=True)
class Card:
    """A GPU; `peak` in FLOP/s is None where its name is not known."""

    name: str
    memory_gib: int
    peak: float | None

    def __str__(self) -> str:
        return f"{self.name}, {self.memory_gib} GiB"


def find_card() -> Card | None:
    """The first GPU, None where there is none."""
    if not torch.cuda.is_available():
        return None
    found = torch.cuda.get_device_properties(0)
    return Card(found.name, round(found.total_memory / GIB), peak_of(found.name))


def peak_of(name: str) -> float | None:
    """The peak of a GPU by the name that its driver gives it, such as NVIDIA H100 80GB HBM3."""
    words = set(re.split(r"[\s-]+", name))
    matching = [known for known in PEAKS if words.issuperset(known.split())]
    return PEAKS[max(matching, key=len)] if matching else None
