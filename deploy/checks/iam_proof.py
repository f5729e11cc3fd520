"""Holds the calls of a run against the roles of the template, both ways.

A call that its role does not grant fails, and so does a grant that no call used, unless `iam_exceptions.json`
says why it is there. The calls are one JSON object a line:

    {"role": "worker", "action": "s3:PutObject", "resource": "arn:aws:s3:::lake/orders/x",
     "if_none_match": "*", "prefix": null}

`if_none_match` is the header of a put, `prefix` the parameter of a listing; null, or left out, when there was
none. A grant is one action of one statement of one role, so a statement that repeats another is found too.

Only what the template uses is evaluated: Allow statements, `*` and `?`, the conditions in `_holds`. Anything
else is an error, not a guess.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import sys

import template

HERE = pathlib.Path(__file__).resolve().parent

# Calls whose name is not that of the action they need (service authorization reference of SQS and S3).
ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}

# Which of a call's own fields a condition key looks at.
FIELDS = {"s3:prefix": "prefix", "s3:if-none-match": "if_none_match"}

# What a call cannot show, because AWS adds it on the way: taken to be as the statement wants it, and said.
ASSUMED = re.compile(r"aws:|kms:ViaService$")


class ProofError(Exception):
    """Something is granted too little or too much, or the question is wrong."""


@dataclasses.dataclass(frozen=True)
class Call:
    """One call, as far as a policy can tell calls apart."""

    role: str
    action: str
    resource: str
    if_none_match: str | None = None
    prefix: str | None = None

    def __str__(self):
        shown = [f"{self.role}: {self.action} on {self.resource}"]
        if self.action == "s3:ListBucket":
            shown.append(f"with prefix {self.prefix!r}")
        if self.action == "s3:PutObject":
            shown.append("with If-None-Match" if self.if_none_match else "without If-None-Match")
        return " ".join(shown)


@dataclasses.dataclass(frozen=True, order=True)
class Name:
    """What a grant is called."""

    role: str
    statement: str
    action: str

    def __str__(self):
        return f"{self.role}: {self.action} of statement {self.statement}"


@dataclasses.dataclass(frozen=True)
class Grant:
    """One action of one statement."""

    name: Name
    resources: tuple
    conditions: dict = dataclasses.field(hash=False)

    def allows(self, call):
        """Whether this grant alone is enough for a call."""
        return (
            (call.role, call.action) == (self.name.role, self.name.action)
            and any(_like(call.resource, pattern) for pattern in self.resources)
            and all(_holds(call, *condition) for condition in _flat(self.conditions))
        )

    def assumed(self):
        """Condition keys that are not looked at."""
        return {key for _, key, _ in _flat(self.conditions) if ASSUMED.match(key)}


def _flat(conditions):
    return [
        (operator, key, [str(value) for value in _listed(wanted)])
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    ]


def _listed(value):
    return value if isinstance(value, list) else [value]


def _like(text, pattern):
    """Matching as IAM does it: `*` is any number of characters, `?` is one."""
    parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _holds(call, operator, key, wanted):
    if ASSUMED.match(key):
        return True
    if key not in FIELDS:
        raise ProofError(f"condition key {key} is not known here: teach iam_proof.py what a call shows of it")
    found = getattr(call, FIELDS[key])
    if operator == "Null":
        return [str(found is None).lower()] == wanted
    if operator.endswith("IfExists") and found is None:
        return True
    operator = operator.removesuffix("IfExists")
    if operator == "StringLike":
        return found is not None and any(_like(found, pattern) for pattern in wanted)
    if operator == "StringEquals":
        return found in wanted
    raise ProofError(f"condition operator {operator} is not known here: teach iam_proof.py")


def grants_of(values, roles):
    """Every grant of the roles, which are given as {role of a call: resource of the template}."""
    return [
        grant
        for role, logical_id in roles.items()
        for policy in values.of(values.template["Resources"][logical_id]["Properties"]["Policies"])
        for statement in policy["PolicyDocument"]["Statement"]
        for grant in _grants_of_statement(role, statement)
    ]


def _grants_of_statement(role, statement):
    strange = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if strange or statement["Effect"] != "Allow" or "Sid" not in statement:
        raise ProofError(f"{role}: only named Allow statements are understood: {json.dumps(statement)}")
    resources = tuple(_listed(statement["Resource"]))
    for action in _listed(statement["Action"]):
        if "*" in action or "?" in action:
            raise ProofError(f"{role}: {action} of statement {statement['Sid']} names no single action")
        yield Grant(Name(role, statement["Sid"], action), resources, statement.get("Condition", {}))


def read_calls(path):
    """The different calls of a file, and how many there were in all."""
    calls, count = {}, 0
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                calls.setdefault(_call(line, f"{path}:{number}"), None)
                count += 1
    if not calls:
        raise ProofError(f"{path} holds no call: a run that did nothing proves nothing")
    return list(calls), count


def _call(line, place):
    try:
        call = Call(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise ProofError(f"{place}: {error}") from error
    return dataclasses.replace(call, action=ACTIONS.get(call.action, call.action))


def read_exceptions(path):
    """{name of a grant: why it is there though no call uses it}."""
    exceptions = {}
    for entry in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        reason = entry.pop("reason", "").strip()
        name = Name(**entry)
        if not reason or name in exceptions:
            raise ProofError(f"{path}: {name} needs one entry with one reason")
        exceptions[name] = reason
    return exceptions


def faults_of_exceptions(grants, exceptions):
    """Exceptions from nothing."""
    granted = {grant.name for grant in grants}
    return [f"exception that names no grant: {name}" for name in sorted(set(exceptions) - granted)]


def prove(grants, calls, exceptions):
    """Everything that is wrong between calls and grants, and the grants that were used."""
    faults, used = faults_of_exceptions(grants, exceptions), set()
    for call in calls:
        allowing = {grant.name for grant in grants if grant.allows(call)}
        used |= allowing
        if not allowing:
            faults.append(f"call that is not granted: {call}")
        # `IfExists` lets it pass for another reason; we never list a whole bucket.
        if call.action == "s3:ListBucket" and call.prefix is None:
            faults.append(f"listing that names no prefix: {call}")
    granted = {grant.name for grant in grants}
    faults += [f"grant that no call used: {name}" for name in sorted(granted - used - set(exceptions))]
    faults += [f"exception that was used: {name}" for name in sorted(used & set(exceptions))]
    return faults, used


def open_values(path):
    """Template and roles with the values of a file: see iam_values.json."""
    given = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    values = template.Values(template.load(), given["parameters"], given["pseudo"], given["resources"])
    broken = values.broken_rules()
    if broken:
        raise ProofError(f"{path}: {'; '.join(broken)}")
    return values, given["roles"]


def main(given=None):
    """Says what was proven in one line, or what was not in many."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--calls", help="calls of a run; without them only the exceptions are checked")
    arguments.add_argument("--values", default=HERE / "iam_values.json")
    arguments.add_argument("--exceptions", default=HERE / "iam_exceptions.json")
    given = arguments.parse_args(given)
    try:
        return _report(given)
    except (ProofError, template.TemplateError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _report(given):
    grants = grants_of(*open_values(given.values))
    exceptions = read_exceptions(given.exceptions)
    if given.calls is None:
        faults = faults_of_exceptions(grants, exceptions)
        said = (
            f"{len(grants)} grants, {len(exceptions)} exceptions that name one of them; no calls were given"
        )
    else:
        calls, count = read_calls(given.calls)
        faults, used = prove(grants, calls, exceptions)
        said = (
            f"{count} calls ({len(calls)} different) against {len(grants)} grants: {len(used)} used, "
            f"{len(exceptions)} excepted"
        )
    assumed = sorted(set().union(*(grant.assumed() for grant in grants)))
    print(
        "\n".join(faults) if faults else said + (f"; taken as given: {', '.join(assumed)}" if assumed else "")
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
