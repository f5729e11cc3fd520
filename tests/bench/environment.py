"""Owns what a bench needs around it: the binary that was built, a Python with the peers' libraries, Java or none."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BINARY = TARGET / "release" / "backfleet"
VENV = TARGET / "bench-venv"
FLOOR = TARGET / "release" / "backfleet-floor"
DATA = TARGET / "bench-data"
# For many small files, whose fsyncs would take all the time on a disk. On disk where no file system is held in memory.
SHM = Path("/dev/shm")
MEMORY = SHM / "backfleet-bench" if os.access(SHM, os.W_OK) else DATA
PYTHON = VENV / "bin" / "python"


def set_up_python(*, spark: bool) -> None:
    """Makes the virtual environment, or completes it; costs a second when there is nothing to do."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    wanted = [HERE / "requirements.txt"] + [HERE / "requirements-spark.txt"] * spark
    install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for file in wanted:
        install += ["-r", file]
    subprocess.run(install, check=True)


def has_java() -> bool:
    """A `java` that runs: some systems have one that only says where to get one."""
    java = shutil.which("java")
    return java is not None and subprocess.run([java, "-version"], capture_output=True).returncode == 0


def machine() -> str:
    """The machine's kind."""
    return f"{os.cpu_count()} CPUs, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def pins() -> str:
    """The peers' libraries and their versions."""
    texts = [(HERE / name).read_text() for name in ("requirements.in", "requirements-spark.in")]
    lines = "\n".join(texts).splitlines()
    return ", ".join(line.replace("==", " ") for line in lines if "==" in line)


def version() -> str:
    """What the binary calls itself, and the day of the commit it was built from (of no work in progress)."""
    name = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    log = ["git", "-C", ROOT, "log", "-1", "--format=%cs"]
    day = subprocess.run(log, capture_output=True, text=True).stdout.strip()
    return f"{name} of {day}" if day else name
