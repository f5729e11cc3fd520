"""What became of every mutation, by module, and the names of those that nobody noticed: `table.py FOLDER`.

FOLDER has a run of cargo-mutants for each crate, by the crate's own tests and then by the simulation.
"""

import json
import sys
from collections import Counter
from pathlib import Path


def outcomes(folder: Path) -> dict[str, tuple[str, str]]:
    """File and end of every mutation below a folder, by its name."""
    found = {}
    for path in sorted(folder.glob("*/mutants.out/outcomes.json")):
        for outcome in json.loads(path.read_text())["outcomes"]:
            if isinstance(outcome["scenario"], dict):
                mutant = outcome["scenario"]["Mutant"]
                found[mutant["name"]] = (mutant["file"], ending(outcome))
    return found


def ending(outcome: dict) -> str:
    """How one ended. What took too long to build was never tried."""
    untried = outcome["summary"] == "Timeout" and outcome["phase_results"][-1]["phase"] == "Build"
    return "Untried" if untried else outcome["summary"]


def main() -> None:
    """Prints the table and the survivors."""
    folder = Path(sys.argv[1])
    own, simulated = outcomes(folder / "own"), outcomes(folder / "simulation")
    modules: dict[str, Counter[str]] = {}
    survivors = []
    for name, (file, end) in own.items():
        if end == "MissedMutant":
            _, later = simulated.get(name, (file, end))
            # A simulated job that never ends was noticed, and one that cannot be built says nothing.
            end = {"CaughtMutant": "Simulated", "Timeout": "Simulated"}.get(later, end)
        modules.setdefault(file, Counter())[end] += 1
        if end == "MissedMutant":
            survivors.append(name)
    print("| module | mutations | noticed by its own tests | hung | by the simulation | missed | share |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    total = sum(modules.values(), Counter())
    for file, ends in [*sorted(modules.items()), ("all", total)]:
        kinds = ("CaughtMutant", "Timeout", "Simulated", "MissedMutant")
        counts = [ends[kind] for kind in kinds]
        viable = sum(counts)
        share = f"{100 * (viable - ends['MissedMutant']) / viable:.1f} %" if viable else "–"
        print(f"| {file} | {viable} | {' | '.join(map(str, counts))} | {share} |")
    print(f"\n{total['Unviable']} more do not compile, {total['Untried']} were not tried. Missed:\n")
    for name in survivors:
        print(f"- `{name}`")


if __name__ == "__main__":
    main()
