"""Runs one linter and says in one line what it looked at: `lint.py cfn-lint | checkov | hadolint`.

Each fails on any finding, and also when it looked at nothing.
"""

import json
import pathlib
import subprocess
import sys

import template

DOCKERFILE = template.TEMPLATE.parent.parent / "image" / "Dockerfile"


class Findings(Exception):
    """What a linter found, as people should read it."""


def run(program, *arguments):
    """Its answer; the programs lie beside this Python."""
    path = pathlib.Path(sys.executable).parent / program
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False)


def cfn_lint():
    """The template against the schemas of its resources; even a remark counts."""
    done = run("cfn-lint", "--include-checks", "I", "--", str(template.TEMPLATE))
    if done.returncode:
        raise Findings(done.stdout + done.stderr)
    sections = ("Resources", "Parameters", "Outputs")
    counts = ", ".join(f"{len(template.load()[name])} {name.lower()}" for name in sections)
    return f"{template.TEMPLATE.name}: {counts}"


def checkov():
    """The template against the rules of the trade; what it skips, it skips with a reason."""
    flags = "--framework cloudformation --output json --compact --skip-download".split()
    done = run("checkov", "--file", str(template.TEMPLATE), *flags)
    try:
        results = json.loads(done.stdout)["results"]
        passed, failed, skipped = (results[f"{kind}_checks"] for kind in ("passed", "failed", "skipped"))
    except (ValueError, LookupError, TypeError) as error:
        raise Findings(f"checkov gave no answer: {done.stdout}{done.stderr}") from error
    found = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in failed]
    silent = [one for one in skipped if len(one["check_result"].get("suppress_comment") or "") < 20]
    found += [f"{one['check_id']} {one['resource']} is skipped without a reason" for one in silent]
    if found or done.returncode or not passed or results["parsing_errors"]:
        raise Findings("\n".join(found) or f"checkov passed nothing: {done.stdout}{done.stderr}")
    return f"{template.TEMPLATE.name}: {len(passed)} passed, 0 failed, {len(skipped)} skipped with a reason"


def hadolint():
    """The Dockerfile; even a remark counts."""
    if not DOCKERFILE.is_file():
        raise Findings(f"{DOCKERFILE} is not there; run.sh --without-image does without it")
    done = run("hadolint", "--no-color", "--failure-threshold", "style", str(DOCKERFILE))
    if done.returncode:
        raise Findings(done.stdout + done.stderr)
    return f"{DOCKERFILE.name}: {len(DOCKERFILE.read_text(encoding='utf-8').splitlines())} lines"


def main():
    """One linter, by its name."""
    linters = {"cfn-lint": cfn_lint, "checkov": checkov, "hadolint": hadolint}
    if len(sys.argv) != 2 or sys.argv[1] not in linters:
        print(f"usage: lint.py {' | '.join(linters)}", file=sys.stderr)
        return 2
    try:
        print(linters[sys.argv[1]]())
    except Findings as findings:
        print(str(findings).rstrip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
