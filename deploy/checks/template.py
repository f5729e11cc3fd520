"""Reads the CloudFormation template and works out its values, for the checks that look into it.

Knows the functions that the template uses and refuses any other: a value that is guessed proves nothing.
"""

import functools
import pathlib
import re

import yaml

TEMPLATE = pathlib.Path(__file__).resolve().parent.parent / "ecs" / "backfleet.yaml"

# What `!Ref AWS::NoValue` becomes before it is taken out of its list or object.
NO_VALUE = object()


class TemplateError(Exception):
    """The template, or what was given for it, does not make sense."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _short_tag(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_tag)


@functools.cache
def load(path=TEMPLATE):
    """The template with every short tag written out. Whoever gets it leaves it as it is."""
    return yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), Loader=_Loader)


class Values:
    """Works out values of a template for given parameters.

    `resources` holds what only a deployed stack knows: what `Ref` (by the resource's name) and `GetAtt` (by
    `Name.Attribute`) give.
    """

    def __init__(self, template, parameters, pseudo, resources):
        self.template = template
        self.parameters = _parameters(template, parameters)
        self.pseudo = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", **pseudo}
        self.resources = resources
        self._functions = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": lambda value: self._known(".".join(value)),
            "Fn::If": self._if,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda value: value[0].join(self.of(value[1])),
            "Fn::Select": lambda value: self.of(value[1])[int(self.of(value[0]))],
            "Fn::Split": lambda value: self.of(value[1]).split(value[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": lambda value: self.of(value[0]) == self.of(value[1]),
            "Fn::Not": lambda value: not self.of(value[0]),
            "Fn::And": lambda value: all(self.of(part) for part in value),
            "Fn::Or": lambda value: any(self.of(part) for part in value),
            "Fn::Contains": lambda value: self.of(value[1]) in self.of(value[0]),
        }

    def of(self, node):
        """The value of a part of the template, without what has none."""
        if isinstance(node, list):
            return [value for value in map(self.of, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, value = next(iter(node.items()))
            if name in self._functions and not (name == "Condition" and isinstance(value, dict)):
                return self._functions[name](value)
            if name.startswith("Fn::"):
                raise TemplateError(f"{name} is not known to {pathlib.Path(__file__).name}: teach it")
        values = {name: self.of(value) for name, value in node.items()}
        return {name: value for name, value in values.items() if value is not NO_VALUE}

    def condition(self, name):
        """Whether a condition of the template holds."""
        return self.of(self.template["Conditions"][name])

    def exists(self, logical_id):
        """Whether a resource is made with these parameters."""
        condition = self.template["Resources"][logical_id].get("Condition")
        return condition is None or self.condition(condition)

    def broken_rules(self):
        """What the template's rules say against these parameters.

        A rule that asks AWS about a parameter (`ValueOf`) is left out: only CloudFormation can ask.
        """
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self.of(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if "Fn::ValueOf" not in repr(assertion) and not self.of(assertion["Assert"])
        ]

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.parameters:
            return self.parameters[name]
        return self._known(name)

    def _known(self, name):
        for source in (self.pseudo, self.resources):
            if name in source:
                return source[name]
        raise TemplateError(f"the value of {name} is not given")

    def _if(self, value):
        condition, then, otherwise = value
        return self.of(then if self.condition(condition) else otherwise)

    def _sub(self, value):
        text, given = (value, {}) if isinstance(value, str) else value
        given = {name: self.of(node) for name, node in given.items()}
        return re.sub(r"\$\{([^}!]+)\}", lambda found: str(self._named(found[1], given)), text)

    def _named(self, name, given):
        return given[name] if name in given else self._ref(name)

    def _find_in_map(self, value):
        name, first, second = (self.of(part) for part in value)
        return self.template["Mappings"][name][first][second]


def _parameters(template, given):
    unknown = set(given) - set(template["Parameters"])
    if unknown:
        raise TemplateError(f"the template has no parameters {sorted(unknown)}")
    return {name: _parameter(name, slot, given) for name, slot in template["Parameters"].items()}


def _parameter(name, slot, given):
    value = given.get(name, slot.get("Default"))
    if value is None:
        raise TemplateError(f"parameter {name} has no default and is not given")
    allowed = [str(one) for one in slot.get("AllowedValues", [])]
    if allowed and str(value) not in allowed:
        raise TemplateError(f"parameter {name} is {value!r}, not one of {allowed}")
    if "AllowedPattern" in slot and not re.fullmatch(slot["AllowedPattern"], str(value)):
        raise TemplateError(f"parameter {name} is {value!r}: {slot['ConstraintDescription']}")
    is_list = slot["Type"] == "CommaDelimitedList" or slot["Type"].startswith("List<")
    return value.split(",") if is_list and isinstance(value, str) else value
