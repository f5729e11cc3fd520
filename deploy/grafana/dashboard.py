#!/usr/bin/env python3
"""Writes the Grafana dashboard of a fleet, backfleet.json, from the rows in panels.py.

    dashboard.py             writes backfleet.json beside this file
    dashboard.py --check     fails if backfleet.json is not what the source makes
"""

import argparse
import json
import sys
from pathlib import Path

from panels import ROWS, Panel, Query, Row

OUTPUT = Path(__file__).with_name("backfleet.json")
# The classic model at its last version: Grafana 12 and later read it as it is.
SCHEMA_VERSION = 42
PANEL_VERSION = "12.2.0"
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
RED = "#d44a3a"
GREEN = "#299c46"


def thresholds(panel: Panel) -> dict:
    """Green, and red from the alert's threshold on."""
    steps = [{"color": GREEN, "value": None}]
    if panel.limit is not None:
        # An alert fires above its threshold, Grafana colours from it on: of a whole number the next one.
        above = panel.limit + 1 if panel.limit == 0 else panel.limit
        steps.append({"color": RED, "value": above})
    return {"mode": "absolute", "steps": steps}


def field_config(panel: Panel) -> dict:
    """How figures look."""
    defaults = {
        "color": {"mode": "thresholds" if panel.stat else "palette-classic"},
        "mappings": [],
        "noValue": panel.none,
        "thresholds": thresholds(panel),
        "unit": panel.unit,
    }
    if not panel.stat:
        defaults["min"] = 0
        defaults["custom"] = lines(panel)
    if panel.max is not None:
        defaults["max"] = panel.max
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    return {"defaults": defaults, "overrides": []}


def lines(panel: Panel) -> dict:
    """How a line chart is drawn."""
    return {
        "axisBorderShow": False,
        "axisLabel": "",
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": 30 if panel.stack else 8,
        "gradientMode": "none",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 4,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if panel.stack else "none"},
        "thresholdsStyle": {"mode": "off" if panel.limit is None else "dashed"},
    }


def options(panel: Panel) -> dict:
    """What is shown around the figures."""
    if panel.stat:
        return {
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showPercentChange": False,
            "textMode": "value",
            "wideLayout": True,
        }
    return {
        "legend": {
            "calcs": ["lastNotNull", "max"],
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def target(index: int, query: Query) -> dict:
    """One query of a panel."""
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "instant": False,
        "legendFormat": query.legend,
        "range": True,
        "refId": chr(ord("A") + index),
    }


def panel_json(number: int, panel: Panel, x: int, y: int) -> dict:
    """One panel at its place."""
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "gridPos": {"h": panel.height, "w": panel.width, "x": x, "y": y},
        "fieldConfig": field_config(panel),
        "options": options(panel),
        "pluginVersion": PANEL_VERSION,
        "targets": [target(index, query) for index, query in enumerate(panel.queries)],
    }


def row_json(number: int, row: Row, y: int) -> dict:
    """The title of a row."""
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": [],
    }


def flow(panels: list[Panel]) -> list[tuple[Panel, int, int]]:
    """Lays panels out from left to right, each with its column and line; another height begins a new line."""
    placed, x, y, height = [], 0, 0, 0
    for panel in panels:
        if x + panel.width > COLUMNS or (height and panel.height != height):
            x, y = 0, y + height
        placed.append((panel, x, y))
        x, height = x + panel.width, panel.height
    return placed


def panels_json() -> list[dict]:
    """All rows with their panels."""
    made, y = [], 0
    for row in ROWS:
        made.append(row_json(len(made) + 1, row, y))
        y += 1
        placed = flow(row.panels)
        for panel, x, line in placed:
            made.append(panel_json(len(made) + 1, panel, x, y + line))
        y += max(line + panel.height for panel, _, line in placed)
    return made


def dashboard() -> dict:
    """The whole dashboard."""
    return {
        "annotations": {"list": []},
        "description": "A fleet of backfleet: how far the job is, what holds it up, and what went wrong.",
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "panels": panels_json(),
        "preload": False,
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["backfleet"],
        "templating": {"list": [datasource_variable()]},
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "",
        "title": "backfleet",
        "uid": "backfleet",
        "version": 1,
        "weekStart": "",
    }


def datasource_variable() -> dict:
    """Which Prometheus is asked."""
    return {
        "current": {},
        "includeAll": False,
        "label": "Prometheus",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes backfleet.json from panels.py.")
    parser.add_argument("--check", action="store_true", help="compare only; fail if they differ")
    made = json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
    if not parser.parse_args().check:
        OUTPUT.write_text(made, encoding="utf-8")
        return 0
    if OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == made:
        return 0
    print(f"{OUTPUT.name} is not what {Path(__file__).name} makes: run it without --check", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
