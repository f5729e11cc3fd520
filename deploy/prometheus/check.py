#!/usr/bin/env python3
"""Checks rules, alerts, dashboard and runbooks against each other, the metrics table and the programs.

    check.py                                  needs promtool (Debian: apt-get install prometheus) and PyYAML
                                              (the Python that deploy/checks/setup.sh prints has it)
    check.py --live URL --minutes 10          asks a real Prometheus for every expression; all must give data

Exits 1 and says everything that is wrong. `--live` is for a Prometheus that has rules.yml loaded and has
scraped a fleet that met every kind of trouble.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import live
import programs
import promql
import sources
from sources import Expression, Sources

# Metrics that no panel and no alert needs, each with the reason.
UNUSED: dict[str, str] = {}
# Labels that Prometheus gives by itself.
GIVEN = {"job", "instance"}
SEVERITIES = {"page", "warn"}
SECTIONS = ["Meaning", "First look", "Commands", "Cure", "Over when"]
RUNBOOK_URL = "{{ $externalLabels.runbook_base }}deploy/runbooks/%s.md"
NAMED_ALERT = re.compile(r"Alert: (\w+)")
FLEET_CONFIGS = ["ecs.yml", "cloud-map.yml"]
CONFIGS = [*FLEET_CONFIGS, "local.yml"]
# Prometheus knows it from 3.8 on.
NEW_DISCOVERY = "aws_sd_configs"
NEW_DISCOVERY_KEYS = {"role", "region", "clusters", "port", "refresh_interval"}
INTERVAL = "5m"


def main() -> int:
    args = arguments()
    read = sources.read(args.metrics)
    if args.live:
        return live.report(read, args.live, args.minutes, args.interval)
    wrong = []
    for title, check in checks(args.promtool):
        found = carried_out(check, read)
        print(f"{'ok  ' if not found else 'RED '} {title}")
        wrong += found
    for line in wrong:
        print(f"  {line}")
    print(f"{len(read.expressions())} expressions, {len(read.alerts)} alerts, {len(wrong)} things wrong")
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Checks rules, alerts, dashboard and runbooks.")
    parser.add_argument("--promtool", default="promtool", help="another promtool than the one on the path")
    parser.add_argument("--metrics", type=Path, default=sources.METRICS, help="another metrics page")
    parser.add_argument("--live", metavar="URL", help="a Prometheus to ask instead")
    parser.add_argument("--minutes", type=float, default=15, help="with --live: how far back (default 15)")
    parser.add_argument("--interval", default="1m", help="with --live: for $__rate_interval (default 1m)")
    return parser.parse_args()


def checks(promtool: str) -> list[tuple[str, Callable[[Sources], list[str]]]]:
    """Everything that is checked."""
    return [
        ("every expression is PromQL", lambda read: unparsed(read, promtool)),
        ("every metric is in the metrics table", unknown_metrics),
        ("every metric of the table is used, or has a reason", unused_metrics),
        ("every label is one of its metric's", unknown_labels),
        ("every alert says what it must", malformed_alerts),
        ("every alert has its panel, with its threshold", unshown_alerts),
        ("every alert is tested both ways", untested_alerts),
        ("every alert has its runbook", bad_runbooks),
        ("every command of a runbook exists", unknown_commands),
        ("promtool takes the rules, and their tests pass", lambda _: failed_tests(promtool)),
        ("promtool takes the configurations", lambda _: bad_configs(promtool)),
        ("Grafana knows how often is scraped", lambda _: other_intervals()),
        ("the dashboard is what its source makes", lambda _: stale_dashboard()),
    ]


def carried_out(check: Callable[[Sources], list[str]], read: Sources) -> list[str]:
    """What a check finds; that it cannot read an expression is a finding."""
    try:
        return check(read)
    except promql.Unreadable as error:
        return [str(error)]


def run(*command: str) -> tuple[int, str]:
    """Runs a program; its exit code and everything it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def unparsed(read: Sources, promtool: str) -> list[str]:
    """Puts every expression into a rule file of its own making."""
    expressions = read.expressions()
    rules = [{"record": f"check:{n}", "expr": one.filled(INTERVAL)} for n, one in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "check", "rules": rules}]}, file)
        file.flush()
        code, said = run(promtool, "check", "rules", file.name)
    if code == 0:
        return []
    places = re.compile(r'"check:(\d+)"(.*)')
    found = [f"{expressions[int(n)].where}: {why.strip(' ,:')}" for n, why in places.findall(said)]
    return found or [said]


def base(read: Sources, metric: str) -> sources.Metric | None:
    """The row of the table that a metric's name belongs to."""
    row = read.metrics.get(metric)
    if row is not None:
        return None if row.kind == "histogram" else row
    for suffix in sources.SUFFIXES:
        row = read.metrics.get(metric.removesuffix(suffix))
        if metric.endswith(suffix) and row is not None and row.kind == "histogram":
            return row
    return None


def unknown_metrics(read: Sources) -> list[str]:
    """Metrics that nobody has."""
    known = {"up", *read.recorded}
    return [
        f"{one.where}: {selector.metric} is not in the metrics table"
        for one in read.expressions()
        for selector in promql.selectors(one.filled(INTERVAL))
        if selector.metric not in known and base(read, selector.metric) is None
    ]


def unused_metrics(read: Sources) -> list[str]:
    """Metrics that nobody looks at, and reasons that nobody needs."""
    used = set()
    for one in [*read.rule_expressions(), *read.panel_expressions()]:
        rows = (base(read, selector.metric) for selector in promql.selectors(one.filled(INTERVAL)))
        used |= {row.name for row in rows if row is not None}
    wrong = [f"{name} is in no panel and no alert" for name in sorted(set(read.metrics) - used - set(UNUSED))]
    wrong += [f"{name} has a reason not to be used, and is used" for name in sorted(used & set(UNUSED))]
    return wrong + [f"{name} is in no table" for name in sorted(set(UNUSED) - set(read.metrics))]


def labels_of(read: Sources, metric: str) -> set[str]:
    """The labels that a metric can have."""
    if metric in read.recorded:
        return left_over(read, read.recorded[metric])
    row = base(read, metric)
    labels = set(row.labels) if row else set()
    return labels | GIVEN | ({"le"} if metric.endswith("_bucket") else set())


def left_over(read: Sources, expr: str) -> set[str]:
    """The labels that an expression leaves on its series."""
    if promql.aggregates(expr):
        return promql.gathered_by(expr) - {"le"}
    return set().union(*(labels_of(read, selector.metric) for selector in promql.selectors(expr)))


def unknown_labels(read: Sources) -> list[str]:
    """Labels in selectors, groupings, legends and texts of alerts that are not there."""
    wrong = []
    for one in read.expressions():
        wrong += [f"{one.where}: {why}" for why in unknown_in(read, one)]
    for panel in read.panels:
        for target in panel["targets"]:
            named = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            wrong += gathered_away(read, f"panel {panel['title']}", target["expr"], named)
    for rule in read.alerts:
        named = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
        wrong += gathered_away(read, f"alert {rule['alert']}", rule["expr"], named)
    return wrong


def unknown_in(read: Sources, one: Expression) -> list[str]:
    """Labels that an expression names and its metrics have not."""
    expr = one.filled(INTERVAL)
    named = [(selector.labels, (selector.metric,)) for selector in promql.selectors(expr)]
    named += [(grouping.labels, grouping.metrics) for grouping in promql.groupings(expr)]
    return [
        f"{metric} has no label {label}"
        for labels, metrics in named
        for metric in metrics
        for label in labels
        if label not in labels_of(read, metric)
    ]


def gathered_away(read: Sources, where: str, expr: str, named: list[str]) -> list[str]:
    """Labels that a text names and its expression does not leave."""
    lost = set(named) - left_over(read, sources.VARIABLE.sub(INTERVAL, expr))
    return [f"{where}: its text names {label}, which is gathered away" for label in sorted(lost)]


def malformed_alerts(read: Sources) -> list[str]:
    """Alerts without severity, texts or their runbook's address."""
    wrong = []
    for rule in read.alerts:
        name, texts = rule["alert"], rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            wrong.append(f"alert {name}: its severity is none of {sorted(SEVERITIES)}")
        missing = [key for key in ("summary", "description") if not texts.get(key)]
        wrong += [f"alert {name}: it has no {key}" for key in missing]
        if texts.get("runbook_url") != RUNBOOK_URL % name:
            wrong.append(f"alert {name}: its runbook_url is not {RUNBOOK_URL % name}")
    return wrong


def unshown_alerts(read: Sources) -> list[str]:
    """Alerts that no panel shows, panels that show other thresholds than the alerts they name."""
    known = {rule["alert"]: promql.numbers(rule["expr"]) for rule in read.alerts}
    shown, wrong = set(), []
    for panel in read.panels:
        where = f"panel {panel['title']}"
        named = set(NAMED_ALERT.findall(panel["description"]))
        wrong += [f"{where}: there is no alert {name}" for name in sorted(named - set(known))]
        shown |= named
        allowed = set().union(*(known.get(name, set()) for name in named))
        # An alert on `> 0` is coloured from 1 on.
        allowed |= {1.0} if 0.0 in allowed else set()
        steps = {step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
        wrong += [f"{where}: its threshold {step} is no alert's" for step in steps - {None, *allowed}]
    return wrong + [f"alert {name}: no panel names it" for name in sorted(set(known) - shown)]


def untested_alerts(read: Sources) -> list[str]:
    """Alerts without a test that fires them, or without a series close by that does not."""
    fired, quiet, absolute = set(), set(), False
    for test in read.tests:
        expected: dict[str, list] = {}
        for case in test["alert_rule_test"]:
            expected.setdefault(case["alertname"], []).extend(case["exp_alerts"] or [])
        fired |= {name for name, alerts in expected.items() if alerts}
        quiet |= {name for name, alerts in expected.items() if not alerts}
        absolute |= any(expected.values()) and "runbook_base" in test.get("external_labels", {})
    names = {rule["alert"] for rule in read.alerts}
    wrong = [f"alert {name}: no test fires it" for name in sorted(names - fired)]
    wrong += [f"alert {name}: no series is tested that does not fire it" for name in sorted(names - quiet)]
    wrong += [f"rules_test.yml: there is no alert {name}" for name in sorted((fired | quiet) - names)]
    return wrong if absolute else [*wrong, "rules_test.yml: no test has a runbook_base"]


def bad_runbooks(read: Sources) -> list[str]:
    """Alerts without a runbook, runbooks without an alert, pages and a table not as they should be."""
    pages = sources.runbook_pages()
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in read.alerts}
    wrong = [f"alert {name}: it has no runbook" for name in sorted(set(severities) - set(pages))]
    wrong += [f"runbook {name}: there is no such alert" for name in sorted(set(pages) - set(severities))]
    for name, page in pages.items():
        wrong += [f"runbook {name}: {why}" for why in wrong_in_runbook(name, page)]
    row = re.compile(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", re.MULTILINE)
    table = dict(row.findall(sources.runbook_index()))
    differ = set(table.items()) ^ set(severities.items())
    return wrong + [f"runbooks/README.md: its table and the rules differ in {one}" for one in sorted(differ)]


def wrong_in_runbook(name: str, page: str) -> list[str]:
    """What is wrong with the form of a page."""
    found, wrong = re.findall(r"^## (.+)$", page, re.MULTILINE), []
    if found != SECTIONS:
        wrong.append(f"its sections are {found}, not {SECTIONS}")
    if not page.startswith(f"# {name}\n"):
        wrong.append("its title is not its alert")
    if not sources.blocks(page, "promql") or not sources.blocks(page, "sh"):
        wrong.append("it has no query or no command")
    return wrong


def unknown_commands(_: Sources) -> list[str]:
    """Command lines of runbooks that the programs do not take."""
    known = programs.read(sources.ROOT)
    lines = sources.runbook_commands()
    return [f"{where}: {why}" for where, line in lines for why in known.wrong_with(line)]


def failed_tests(promtool: str) -> list[str]:
    """What promtool says of the rules and their tests."""
    commands = [("check", "rules", str(sources.RULES)), ("test", "rules", str(sources.RULES_TEST))]
    answers = [run(promtool, *command) for command in commands]
    return [said for code, said in answers if code != 0]


def bad_configs(promtool: str) -> list[str]:
    """What promtool says of the example configurations."""
    return [f"{name}: {why}" for name in CONFIGS for why in wrong_in_config(promtool, name)]


def wrong_in_config(promtool: str, name: str) -> list[str]:
    """What is wrong with one; what an older promtool cannot know is held against the keys known here."""
    path = sources.HERE / name
    code, said = run(promtool, "check", "config", str(path))
    if code == 0:
        return []
    if f"field {NEW_DISCOVERY} not found" not in said:
        return [said]
    config = sources.parsed(path)
    found = [one for scrape in config["scrape_configs"] for one in scrape.pop(NEW_DISCOVERY, [])]
    strange = [one for one in found if set(one) != NEW_DISCOVERY_KEYS or one["role"] != "ecs"]
    wrong = [f"{NEW_DISCOVERY} has {sorted(one)}" for one in strange]
    config["rule_files"] = [str(sources.HERE / rules) for rules in config["rule_files"]]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump(config, file)
        file.flush()
        code, said = run(promtool, "check", "config", file.name)
    return wrong if code == 0 else [*wrong, said]


def other_intervals() -> list[str]:
    """Configurations that scrape at another pace than $__rate_interval is made from."""
    told = {one["jsonData"]["timeInterval"] for one in sources.parsed(sources.DATASOURCE)["datasources"]}
    paces = {name: sources.parsed(sources.HERE / name)["global"]["scrape_interval"] for name in FLEET_CONFIGS}
    return [f"{name}: scrapes every {pace}, not {told}" for name, pace in paces.items() if {pace} != told]


def stale_dashboard() -> list[str]:
    """What dashboard.py --check says."""
    code, said = run(sys.executable, str(sources.DASHBOARD_SOURCE), "--check")
    return [said] if code else []


if __name__ == "__main__":
    sys.exit(main())
