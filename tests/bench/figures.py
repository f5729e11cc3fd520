"""Owns which plots the page has, and what of a bench's results is on each."""

import goals
from measure import Spread
from plot import Bar, Line, bars, lines
from results import Results


def draw(results: Results) -> dict[str, str]:
    """SVG by the name of its file."""
    drawn = {
        "throughput.svg": throughput(results),
        "growth.svg": growth(results),
        "memory.svg": memory(results),
    }
    return drawn | ({"cores.svg": cores(results)} if results.cores else {})


def throughput(results: Results) -> str:
    rows = [
        Bar(raced.entry.contender.label, raced.megabytes_per_cpu_second, raced.entry.contender.ours)
        for raced in results.stream.raced
    ]
    rows.sort(key=lambda row: -row.value.middle)
    return bars("DynamoDB JSON to stream records, gzip", "MB of input per CPU second", rows)


def growth(results: Results) -> str:
    points = []
    for raced in results.growth:
        gigabytes = raced.entry.export.megabytes / 1000
        seconds = raced.cpu_seconds
        per_gigabyte = Spread(*(figure / gigabytes for figure in (seconds.low, seconds.middle, seconds.high)))
        points.append((raced.entry.export.megabytes, per_gigabyte))
    title = f"CPU time over the input's size, {results.growth[0].entry.export.files} files"
    return lines(title, "CPU seconds per GB", "MB of input", [Line("backfleet", points)])


def cores(results: Results) -> str:
    rows = [Bar(f"backfleet, {cores.label}", cores.speedup, True) for cores in results.cores]
    return bars("Two CPUs against one", "times as fast, by wall time", rows, goals.CORES_SPEEDUP_MIN)


def memory(results: Results) -> str:
    points = [(peak.export.megabytes, peak.raced.peak_mib) for peak in results.peaks]
    return lines(
        "Memory over the size of a single data file",
        "peak resident MiB",
        "MB of input in the file",
        [Line("backfleet", points)],
        goals.CONVERSION_MIB_MAX,
    )
