"""Owns what a bench found out, as the page, the plots and the goals read it."""

from dataclasses import dataclass

from contenders import Contender
from export_data import Export
from fidelity import Proof
from fleet import Fleet
from floors import BUILDABLE, Floor
from measure import Spread
from planning import Coordinated, Many
from race import Raced, cpu_ratios, wall_ratios
from scans import Scans


@dataclass(frozen=True)
class Race:
    """Entries over the same work, ours first; and what was found of the export, then in each of their outputs."""

    raced: list[Raced]
    proofs: list[Proof]

    @property
    def ours(self) -> Raced:
        return self.raced[0]

    @property
    def export(self) -> Export:
        return self.ours.entry.export

    def of(self, contender: Contender) -> Raced | None:
        return next((raced for raced in self.raced if raced.entry.contender == contender), None)

    def proof(self, raced: Raced) -> Proof:
        return self.proofs[1 + self.raced.index(raced)]

    def times_slower(self, raced: Raced) -> Spread:
        """CPU time against ours for the same bytes, round by round."""
        return Spread.of(cpu_ratios(raced, self.ours))


@dataclass(frozen=True)
class Cores:
    """The same work on one CPU and on two."""

    label: str
    one: Raced
    two: Raced

    @property
    def speedup(self) -> Spread:
        return Spread.of(wall_ratios(self.one, self.two))


@dataclass(frozen=True)
class Peak:
    """Our memory over some runs on one single data file."""

    export: Export
    raced: Raced

    @property
    def mib_max(self) -> float:
        return self.raced.peak_mib.high


@dataclass(frozen=True)
class Results:
    """Everything a bench found out."""

    stream: Race
    profiles: list[Race]
    formats: Race
    parquet: Race
    floors: list[Floor]
    growth: list[Raced]
    cores: list[Cores]
    peaks: list[Peak]
    # Many files into shards of next to no size.
    beside_shards: Raced
    many: list[Many]
    fleet: Fleet
    coordinated: Coordinated
    scans: Scans
    # Our stream records, counted by readers who know nothing of us.
    counts: list[Proof]
    notices: list[str]

    @property
    def proofs(self) -> list[Proof]:
        races = [self.stream, *self.profiles, self.formats, self.parquet]
        return [*self.stream.proofs, *self.counts, *(proof for race in races[1:] for proof in race.proofs)]

    @property
    def faithful(self) -> bool:
        """Whether our outputs hold the records of their exports, whoever reads them."""
        return all(proof.faithful for proof in self.proofs if proof.ours)

    @property
    def best_floor(self) -> Floor:
        """The fastest of those that a build of ours can use."""
        return min((floor for floor in self.floors if floor.name in BUILDABLE), key=lambda floor: floor.seconds.middle)

    def floor(self, name: str) -> Floor:
        return next(floor for floor in self.floors if floor.name == name)
