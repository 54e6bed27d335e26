"""What the instance types that the kit's recipes name bring, and about what they cost."""

from __future__ import annotations

from dataclasses import dataclass

# Prices are AWS's list prices for SageMaker training in US East (N. Virginia), in US dollars an
# hour, rounded: for an estimate, not for a bill. Those of g5, g6, g6e, p4d and p5 were held in this
# month against figures that others have published from AWS's price list API (the newest of
# 2026-08); those of t3, m5 and g4dn are as AWS's pricing page had them in 2025-06.
PRICES_AS_OF = "2026-11"
# What spot capacity costs of that, on a long average; AWS says up to 90 % less.
SPOT_SHARE = 0.45
GIB = 1024**3


@dataclass(frozen=True)
class Gpu:
    """A GPU's memory, and its 16-bit tensor FLOP/s by NVIDIA's data sheets, without sparsity."""

    name: str
    memory_gib: int
    flops: float


_T4 = Gpu("T4", 16, 65e12)
_A10G = Gpu("A10G", 24, 70e12)
_L4 = Gpu("L4", 24, 121e12)
_L40S = Gpu("L40S", 48, 362e12)
_A100 = Gpu("A100", 40, 312e12)
_H100 = Gpu("H100", 80, 989e12)
# A cautious figure for what a vCPU of an x86 server does in 32-bit matrix products.
_VCPU_FLOPS = 30e9


@dataclass(frozen=True)
class Offer:
    """An instance type: `num_gpus` of `gpu`, else its processors and `memory_gib`."""

    vcpus: int
    memory_gib: int
    dollars_an_hour: float
    num_gpus: int = 0
    gpu: Gpu | None = None

    @property
    def device(self) -> str:
        return f"{self.num_gpus} x {self.gpu.name}" if self.gpu else f"{self.vcpus} vCPU"

    @property
    def num_devices(self) -> int:
        """What weights are spread over: GPUs, or the instance as one."""
        return self.num_gpus or 1

    @property
    def device_bytes(self) -> int:
        return (self.gpu.memory_gib if self.gpu else self.memory_gib) * GIB

    @property
    def device_flops(self) -> float:
        return self.gpu.flops if self.gpu else self.vcpus * _VCPU_FLOPS


OFFERS = {
    "ml.t3.medium": Offer(2, 4, 0.05),
    "ml.m5.large": Offer(2, 8, 0.115),
    "ml.m5.xlarge": Offer(4, 16, 0.23),
    "ml.m5.2xlarge": Offer(8, 32, 0.461),
    "ml.m5.4xlarge": Offer(16, 64, 0.922),
    "ml.g4dn.xlarge": Offer(4, 16, 0.736, 1, _T4),
    "ml.g4dn.12xlarge": Offer(48, 192, 4.89, 4, _T4),
    "ml.g5.xlarge": Offer(4, 16, 1.41, 1, _A10G),
    "ml.g5.2xlarge": Offer(8, 32, 1.52, 1, _A10G),
    "ml.g5.4xlarge": Offer(16, 64, 2.03, 1, _A10G),
    "ml.g5.12xlarge": Offer(48, 192, 7.09, 4, _A10G),
    "ml.g5.48xlarge": Offer(192, 768, 20.36, 8, _A10G),
    "ml.g6.xlarge": Offer(4, 16, 1.13, 1, _L4),
    "ml.g6.2xlarge": Offer(8, 32, 1.22, 1, _L4),
    "ml.g6.12xlarge": Offer(48, 192, 5.75, 4, _L4),
    "ml.g6.48xlarge": Offer(192, 768, 16.69, 8, _L4),
    "ml.g6e.xlarge": Offer(4, 32, 2.61, 1, _L40S),
    "ml.g6e.2xlarge": Offer(8, 64, 2.80, 1, _L40S),
    "ml.g6e.12xlarge": Offer(48, 384, 13.12, 4, _L40S),
    "ml.g6e.48xlarge": Offer(192, 1536, 37.66, 8, _L40S),
    "ml.p4d.24xlarge": Offer(96, 1152, 25.25, 8, _A100),
    "ml.p5.48xlarge": Offer(192, 2048, 63.30, 8, _H100),
}
