"""Owns how the code for Databricks is run where there is no Databricks: its queries by Spark, its table and its MERGE by Delta
Lake's own library, each taken from the text of databricks.sql. Only `read_files`, which nobody else has, is stood in for.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType

READ_FILES = re.compile(r"read_files\('([^']*)', format => 'text'((?:, \w+ => [^,)]+)*)\)")
OPTION = re.compile(r"(\w+) => '?([^,')]*)'?")
TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS \w+ \((.*)\)$", re.DOTALL)
MERGE = re.compile(r"MERGE INTO (\w+) AS t USING (\w+) AS n ON (.*?)\s+(WHEN .*)$", re.DOTALL)
BRANCH = re.compile(r"WHEN (MATCHED|NOT MATCHED) AND (.*?) THEN\s+(DELETE|UPDATE SET|INSERT)(.*?)(?=WHEN|$)", re.DOTALL)
INSERT = re.compile(r"\((.*?)\)\s*VALUES \((.*?)\)", re.DOTALL)
TYPES = {"STRING": "string", "TIMESTAMP": "timestamp"}


class Databricks:
    """A session and one Delta table; the text of databricks.sql can be run again and again."""

    def __init__(self, session: Any, folder: Path, is_read: Callable[[str], bool] = lambda file: True) -> None:
        self.session, self.table, self.scratch = session, folder / "table", folder / "newest"
        # Of the files that are there, those that are read.
        self.is_read = is_read
        self.answers: list[list[Any]] = []

    def run(self, text: str) -> list[Any]:
        """Gives the rows of the last query."""
        text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        for statement in filter(None, map(str.strip, text.split(";"))):
            self.statement(statement)
        return self.answers[-1]

    def statement(self, statement: str) -> None:
        if made := TABLE.match(statement):
            self.create(made[1])
        elif merged := MERGE.match(statement):
            self.merge(*merged.groups())
        elif statement.startswith("SELECT"):
            self.answers.append(self.session.sql(statement).collect())
        else:
            self.session.sql(READ_FILES.sub(self.stand_in, statement))

    def stand_in(self, call: re.Match[str]) -> str:
        """A view of what `read_files` would read."""
        name = f"files_{abs(hash(call[0]))}"
        lines = self.session.read.options(**dict(OPTION.findall(call[2]))).text(call[1]).select("value", "_metadata")
        files = [row[0] for row in lines.select("_metadata.file_path").distinct().collect()]
        lines.where(lines["_metadata.file_path"].isin(list(filter(self.is_read, files)))).createOrReplaceTempView(name)
        return name

    def create(self, columns: str) -> None:
        pairs = [column.strip().rsplit(" ", 1) for column in columns.split(",")]
        fields = [Field(unquoted(name), PrimitiveType(TYPES[kind])) for name, kind in pairs]
        DeltaTable.create(str(self.table), Schema(fields), mode="ignore")

    def merge(self, table: str, source: str, on: str, branches: str) -> None:
        merger = DeltaTable(str(self.table)).merge(
            self.rows(source), predicate=delta(on), source_alias="n", target_alias="t"
        )
        for matched, condition, action, rest in BRANCH.findall(branches):
            condition = delta(condition)
            match matched, action:
                case "MATCHED", "DELETE":
                    merger = merger.when_matched_delete(predicate=condition)
                case "MATCHED", "UPDATE SET":
                    merger = merger.when_matched_update(updates=assigned(rest), predicate=condition)
                case "NOT MATCHED", "INSERT":
                    names, values = INSERT.search(rest).groups()
                    updates = dict(zip(map(unquoted, names.split(",")), map(delta, values.split(",")), strict=True))
                    merger = merger.when_not_matched_insert(updates=updates, predicate=condition)
                case other:
                    raise RuntimeError(f"{other} is nothing that MERGE does here")
        merger.execute()
        self.session.read.parquet(*DeltaTable(str(self.table)).file_uris()).createOrReplaceTempView(table)

    def rows(self, view: str) -> Any:
        """A view of Spark's, as Arrow."""
        import duckdb

        self.session.table(view).write.mode("overwrite").parquet(str(self.scratch))
        return duckdb.sql(f"SELECT * FROM '{self.scratch}/*.parquet'")


def assigned(text: str) -> dict[str, str]:
    """`a = n.a, b = n.b`"""
    pairs = [assignment.split("=", 1) for assignment in text.split(",")]
    return {unquoted(name): delta(value) for name, value in pairs}


def unquoted(name: str) -> str:
    return name.strip().strip("`")


def delta(expression: str) -> str:
    """The library takes the quotes of standard SQL around names."""
    return expression.strip().replace("`", '"')
