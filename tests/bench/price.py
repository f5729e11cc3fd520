"""Owns what a measured rate costs on Fargate, by the prices that `backfleet plan` comes with."""

import json
from dataclasses import dataclass

import environment

PRICES = environment.ROOT / "coordinator" / "prices.json"
# Memory of one task for each vCPU, as `plan` reckons it.
GB_PER_VCPU = 2
MEGABYTES_PER_TB = 1e6


@dataclass(frozen=True)
class Fargate:
    """The prices of one region's Fargate; AWS asks less for ARM64, and the price file has that alone."""

    region: str
    date: str
    currency: str
    vcpu_hour: float
    gb_hour: float

    @property
    def hour(self) -> float:
        """One vCPU with its memory for an hour."""
        return self.vcpu_hour + GB_PER_VCPU * self.gb_hour

    def per_terabyte(self, megabytes_per_cpu_second: float) -> float:
        return MEGABYTES_PER_TB / megabytes_per_cpu_second / 3600 * self.hour


def read() -> Fargate:
    found = json.loads(PRICES.read_bytes())
    return Fargate(
        region=found["region"],
        date=found["date"],
        currency=found["currency"],
        vcpu_hour=found["fargate_vcpu_hour"],
        gb_hour=found["fargate_gb_hour"],
    )
