"""How busy a process's host and GPU are, in percent."""

from __future__ import annotations

import importlib

import psutil
import torch


class Utilisation:
    """Measured since the last time it was asked, or since it was made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        psutil.cpu_percent()

    def measure(self) -> dict[str, float]:
        """`cpu_percent` and `memory_percent` of the host; with a GPU, also its own two."""
        found = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": psutil.virtual_memory().percent,
        }
        return found if self._device.type != "cuda" else found | self._of_gpu()

    def _of_gpu(self) -> dict[str, float]:
        free, total = torch.cuda.mem_get_info(self._device)
        found = {"gpu_memory_percent": round(100 * (1 - free / total), 1)}
        try:
            pynvml = importlib.import_module("pynvml")
        except ImportError:
            return found  # torch asks it how busy a GPU is
        try:
            return {**found, "gpu_percent": float(torch.cuda.utilization(self._device))}
        except (pynvml.NVMLError, RuntimeError):
            return found  # a part of a GPU does not say
