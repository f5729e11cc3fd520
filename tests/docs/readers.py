"""Owns how the code of a page is run: commands by a shell, SQL by DuckDB, Python by Spark; each gives what it prints."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb


def run_sh(code: str, programs: Path) -> str:
    """Standard output; a command that fails is an error unless the code itself allows for it."""
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", "-euc", code]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    if finished.returncode != 0:
        raise RuntimeError(f"ended with {finished.returncode}:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def run_duckdb(code: str) -> str:
    """The rows of the last statement under the names of its columns, in a database of their own."""
    with duckdb.connect() as database:
        cursor = database.execute(code)
        rows = [[name for name, *_ in cursor.description], *cursor.fetchall()]
    return "".join(" | ".join(shown(value) for value in row) + "\n" for row in rows)


def shown(value: Any) -> str:
    """As SQL would write it, where Python writes it differently."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


class Spark:
    """One session in this process, started by the first block that needs it."""

    def __init__(self) -> None:
        self.session: Any = None

    def run(self, code: str) -> str:
        """What the code prints; it finds `spark` as in the PySpark shell."""
        session = self.started()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "page", "exec"), {"spark": session})
        return printed.getvalue()

    def started(self) -> Any:
        self.session = self.session or start_spark()
        return self.session

    def stop(self) -> None:
        if self.session:
            self.session.stop()


def start_spark() -> Any:
    """With its defaults, but for the time zone, the noise and the number of partitions: the data is small."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    settings = settings.config("spark.driver.host", "127.0.0.1").config("spark.log.level", "OFF")
    settings = settings.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2")
    return settings.getOrCreate()
