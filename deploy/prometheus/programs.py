"""Which commands and flags `backfleet` and `backfleet-worker` take, read from where they are defined.

So that a runbook cannot name a command that is no longer there.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

SOURCES = ["coordinator/src/cli.rs", "worker/src/flags.rs", "worker/src/main.rs"]
BODY = re.compile(r"(?:struct|enum) (\w+)(?:<[^>]*>)? \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^    ((?:#\[.*?\]\n    )*)(?:pub )?(\w+): (\w+)", re.DOTALL | re.MULTILINE)
VARIANT = re.compile(r"^    (\w+)\((\w+)\),", re.MULTILINE)


@dataclass(frozen=True)
class Programs:
    """The commands, each with its flags: `("backfleet", "dlq", "list")` and `{"--queue", …}`."""

    commands: dict[tuple[str, ...], set[str]]

    def wrong_with(self, line: str) -> list[str]:
        """What is wrong with a command line of ours; nothing, if it is another program's."""
        words = shlex.split(line, comments=True)
        if not words or words[0] not in ("backfleet", "backfleet-worker"):
            return []
        known = [command for command in self.commands if tuple(words[:len(command)]) == command]
        if not known:
            return [f"there is no command `{' '.join(words[:2])}`"]
        command = max(known, key=len)
        flags = {word.split("=")[0] for word in words if word.startswith("--")}
        missing = flags - self.commands[command]
        return [f"`{' '.join(command)}` has no flag {flag}" for flag in sorted(missing)]


def read(root: Path) -> Programs:
    """Reads the definitions below the root of the repository."""
    text = "\n".join(comments_gone((root / source).read_text(encoding="utf-8")) for source in SOURCES)
    bodies = dict(BODY.findall(text))
    everywhere = flags_of("Output", bodies) | flags_of("AwsFlags", bodies)
    commands = {("backfleet-worker",): flags_of("Flags", bodies)}
    commands |= {("backfleet", *path): flags | everywhere for path, flags in commands_of("Command", bodies)}
    return Programs(commands)


def comments_gone(text: str) -> str:
    """The source without its comments, which may hold anything."""
    return re.sub(r"^\s*//.*\n", "", text, flags=re.MULTILINE)


def commands_of(enum: str, bodies: dict[str, str]) -> list[tuple[tuple[str, ...], set[str]]]:
    """The commands of an enum and of the enums in it."""
    found = []
    for variant, arguments in VARIANT.findall(bodies[enum]):
        name = kebab(variant)
        if arguments.endswith("Command"):
            found += [((name, *path), flags) for path, flags in commands_of(arguments, bodies)]
        else:
            found.append(((name,), flags_of(arguments, bodies)))
    return found


def flags_of(struct: str, bodies: dict[str, str]) -> set[str]:
    """The flags of a struct and of the structs that are flattened into it."""
    found = set()
    for attributes, name, kind in FIELD.findall(bodies[struct]):
        if "command(flatten)" in attributes:
            found |= flags_of(kind, bodies)
        elif "long" in attributes:
            given = re.search(r'long = "([^"]+)"', attributes)
            found.add("--" + (given.group(1) if given else kebab(name)))
    return found


def kebab(name: str) -> str:
    """`MaxQuarantine` and `max_quarantine` as `max-quarantine`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower().replace("_", "-")
