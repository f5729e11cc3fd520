"""Owns what an item is, whoever wrote it down: one form for the DynamoDB JSON of an export and for a row of Parquet, so that the
two can be held against each other.

A value is a pair of its type and what it holds: numbers as exact decimals, which are equal by value, binary as bytes, sets as
sets. A row becomes an item by the schema of its file: its columns first, then `_rest` laid over them, map by map.
"""

import base64
from decimal import Decimal
from typing import Any

Value = tuple[str, Any]
Item = dict[str, Value]

# What a leaf holds: its type in DynamoDB, and what a reader must give for it. A float for a decimal is no number of ours.
LEAVES = {
    "string": ("S", str),
    "decimal": ("N", Decimal),
    "number-text": ("N", str),
    "bool": ("BOOL", bool),
    "null": ("NULL", bool),
    "binary": ("B", (bytes, bytearray)),
}


def item_of_json(attributes: dict[str, Any]) -> Item:
    """An item, or the inside of a map, in DynamoDB JSON."""
    return {name: value_of_json(value) for name, value in attributes.items()}


def value_of_json(typed: dict[str, Any]) -> Value:
    ((kind, held),) = typed.items()
    match kind:
        case "M":
            return kind, item_of_json(held)
        case "L":
            return kind, [value_of_json(element) for element in held]
        case "SS" | "NS" | "BS":
            return kind, frozenset(scalar(kind[0], member) for member in held)
        case _:
            return kind, scalar(kind, held)


def scalar(kind: str, held: Any) -> Any:
    match kind:
        case "N":
            return Decimal(held)
        case "B":
            return base64.b64decode(held, validate=True)
        case _:
            return held


def item_of_row(row: dict[str, Any], columns: list[dict[str, Any]], rest: dict[str, Any] | None) -> Item:
    """The columns that are there, and the rest."""
    named = [(column["attribute"], column["column"]) for column in columns]
    found = present(row, named)
    lay_over(found, item_of_json(rest or {}))
    return found


def present(held: dict[str, Any], named: list[tuple[str, dict[str, Any]]]) -> Item:
    return {name: value_of_column(kind, held[name]) for name, kind in named if held[name] is not None}


def value_of_column(kind: dict[str, Any], held: Any) -> Value:
    """What a column, a field or an element holds; it is there."""
    match kind["kind"]:
        case "struct":
            return "M", present(held, [(field["name"], field["column"]) for field in kind["fields"]])
        case "map":
            return "M", {name: value_of_column(kind["value"], value) for name, value in held.items()}
        case "list":
            elements = [value_of_column(kind["element"], element) for element in held]
            return kind["of"], elements if kind["of"] == "L" else frozenset(value for _, value in elements)
        case "typed":
            members = present(held, [(member["type"], member["column"]) for member in kind["members"]])
            (value,) = members.values()
            return value
        case leaf:
            return value_of_leaf(leaf, held)


def value_of_leaf(leaf: str, held: Any) -> Value:
    kind, given = LEAVES[leaf]
    if not isinstance(held, given):
        raise ValueError(f"{held!r} was given for a column that is {leaf}")
    match kind:
        case "N":
            return kind, Decimal(held)
        case "B":
            return kind, bytes(held)
        case _:
            return kind, held


def lay_over(found: Item, rest: Item) -> None:
    """What is in both must be a map, and no name in both of those but of maps again."""
    for name, value in rest.items():
        if name not in found:
            found[name] = value
            continue
        (kind, fields), (over, more) = found[name], value
        if (kind, over) != ("M", "M"):
            raise ValueError(f"{name!r} stands in a column as {kind} and in _rest as {over}")
        lay_over(fields, more)


def differences(path: str, expected: Any, found: Any) -> list[str]:
    """Where two items or values differ, as deep as it can be said."""
    if expected == found:
        return []
    pair = (expected, found)
    if all(isinstance(one, dict) for one in pair):
        names = sorted(expected.keys() | found.keys())
        return [
            line for name in names for line in differences(f"{path}.{name}", expected.get(name), found.get(name))
        ]
    if all(isinstance(one, tuple) and one[0] in ("M", "L") for one in pair) and expected[0] == found[0]:
        return differences(path, expected[1], found[1])
    if all(isinstance(one, list) for one in pair) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for at, (one, other) in pairs for line in differences(f"{path}[{at}]", one, other)]
    return [f"{path}: the export holds {expected!r}, the row {found!r}"]
