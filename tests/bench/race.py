"""Owns the races: several ways to do the same job in turns, so that a machine that slows down slows all of them."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import environment
from contenders import Contender
from export_data import Export
from measure import MIB, Spread, Usage, run


@dataclass(frozen=True)
class Entry:
    """A contender on an export, on so many CPUs or all of them."""

    contender: Contender
    export: Export
    cpus: int | None = None


@dataclass(frozen=True)
class Raced:
    """An entry's runs, one a round, and the bytes that it wrote."""

    entry: Entry
    usages: list[Usage]
    bytes_out: int

    @property
    def cpu_seconds(self) -> Spread:
        return Spread.of([usage.cpu_seconds for usage in self.usages])

    @property
    def wall_seconds(self) -> Spread:
        return Spread.of([usage.wall_seconds for usage in self.usages])

    @property
    def megabytes_per_cpu_second(self) -> Spread:
        return Spread.of([self.entry.export.megabytes / usage.cpu_seconds for usage in self.usages])

    @property
    def peak_mib(self) -> Spread:
        return Spread.of([usage.peak_bytes / MIB for usage in self.usages])


def race(entries: list[Entry], rounds: int) -> list[Raced]:
    """Everybody once a round, each round beginning with another one. What the last of each wrote stays until `clear`."""
    usages: list[list[Usage]] = [[] for _ in entries]
    written = [0] * len(entries)
    for number in range(rounds):
        for place in range(len(entries)):
            turn = (number + place) % len(entries)
            usages[turn].append(one_run(entries[turn]))
            written[turn] = bytes_out(entries[turn].contender)
    return [Raced(*found) for found in zip(entries, usages, written, strict=True)]


def one_run(entry: Entry) -> Usage:
    """From an empty destination; what the last run left is removed before the clock starts."""
    out = out_folder(entry.contender)
    clear([out])
    usage = run(entry.contender.command(entry.export, out), entry.cpus)
    say(f"  {entry.contender.name}: {usage.cpu_seconds:.2f} CPU s, {usage.wall_seconds:.2f} s")
    return usage


def cpu_ratios(slower: Raced, faster: Raced) -> list[float]:
    """How many times the CPU time for a byte of input, of the two runs of each round."""
    bytes_ratio = faster.entry.export.bytes_uncompressed / slower.entry.export.bytes_uncompressed
    pairs = zip(slower.usages, faster.usages, strict=True)
    return [bytes_ratio * one.cpu_seconds / other.cpu_seconds for one, other in pairs]


def wall_ratios(slower: Raced, faster: Raced) -> list[float]:
    """How many times the wall time, of the two runs of each round."""
    pairs = zip(slower.usages, faster.usages, strict=True)
    return [one.wall_seconds / other.wall_seconds for one, other in pairs]


def out_folder(contender: Contender) -> Path:
    return environment.DATA / "out" / contender.name


def bytes_out(contender: Contender) -> int:
    return sum(file.stat().st_size for file in contender.outputs(out_folder(contender)))


def clear(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
