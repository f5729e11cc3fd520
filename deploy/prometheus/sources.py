"""Reads what is checked: the metrics table, rules, their tests, the dashboard, the runbooks."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = HERE / "rules.yml"
RULES_TEST = HERE / "rules_test.yml"
DASHBOARD = HERE.parent / "grafana" / "backfleet.json"
DASHBOARD_SOURCE = HERE.parent / "grafana" / "dashboard.py"
DATASOURCE = HERE.parent / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
RUNBOOKS = HERE.parent / "runbooks"
METRICS = ROOT / "docs" / "metrics.md"

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<kind>\w+) \| [^|]* \| (?P<labels>[^|]*) \|", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"\$__(?:rate_)?interval\b")
SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Metric:
    """A row of the metrics table."""

    name: str
    kind: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Expression:
    """Some PromQL and where it stands. `kind` is record, alert, panel or runbook."""

    where: str
    text: str
    kind: str

    def filled(self, interval: str) -> str:
        """With Grafana's interval in its place."""
        return VARIABLE.sub(interval, self.text)


@dataclass(frozen=True)
class Sources:
    """Everything that is checked, as it was read."""

    metrics: dict[str, Metric]
    rules: list[dict]
    tests: list[dict]
    panels: list[dict]

    @property
    def alerts(self) -> list[dict]:
        return [rule for rule in self.rules if "alert" in rule]

    @property
    def recorded(self) -> dict[str, str]:
        return {rule["record"]: rule["expr"] for rule in self.rules if "record" in rule}

    def expressions(self) -> list[Expression]:
        """Every expression of rules, dashboard and runbooks."""
        return [*self.rule_expressions(), *self.panel_expressions(), *runbook_expressions()]

    def rule_expressions(self) -> list[Expression]:
        """Those of rules.yml."""
        made = []
        for rule in self.rules:
            kind = "alert" if "alert" in rule else "record"
            made.append(Expression(f"{kind} {rule[kind]}", rule["expr"], kind))
        return made

    def panel_expressions(self) -> list[Expression]:
        """Those of the dashboard."""
        return [
            Expression(f"panel {panel['title']}, {target['legendFormat']}", target["expr"], "panel")
            for panel in self.panels
            for target in panel["targets"]
        ]


def read(metrics: Path) -> Sources:
    """Reads everything; the metrics table from that file."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return Sources(
        metrics=metrics_table(metrics),
        rules=[rule for group in parsed(RULES)["groups"] for rule in group["rules"]],
        tests=parsed(RULES_TEST)["tests"],
        panels=[panel for panel in dashboard["panels"] if panel["type"] != "row"],
    )


def parsed(path: Path) -> dict:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def metrics_table(path: Path) -> dict[str, Metric]:
    """The table of the metrics page."""
    made = {}
    for row in ROW.finditer(path.read_text(encoding="utf-8")):
        labels = frozenset(label.strip() for label in row["labels"].split(",") if label.strip())
        made[row["name"]] = Metric(row["name"], row["kind"], labels)
    return made


def runbook_pages() -> dict[str, str]:
    """Every runbook by its alert."""
    pages = sorted(RUNBOOKS.glob("*.md"))
    return {page.stem: page.read_text(encoding="utf-8") for page in pages if page.stem != "README"}


def runbook_index() -> str:
    """The table of all runbooks."""
    return (RUNBOOKS / "README.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [body for found, body in BLOCK.findall(page) if found == language]


def runbook_expressions() -> list[Expression]:
    """The queries of the runbooks, one to a block."""
    return [
        Expression(f"runbook {alert}", body.strip(), "runbook")
        for alert, page in runbook_pages().items()
        for body in blocks(page, "promql")
    ]


def runbook_commands() -> list[tuple[str, str]]:
    """The command lines of the runbooks, each with where it stands; a backslash joins lines."""
    return [
        (f"runbook {alert}", line)
        for alert, page in {**runbook_pages(), "README": runbook_index()}.items()
        for body in blocks(page, "sh")
        for line in body.replace("\\\n", " ").splitlines()
        if line.strip()
    ]
