"""On what was measured."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from bench import tools

PACKAGES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "grpcio",
    "protobuf",
    "fastapi",
    "gunicorn",
    "granian",
)
PROGRAMS = ("nginx", "haproxy", "caddy", "traefik", "rathole", "wrk")


def describe() -> str:
    """Cores, processor, and the versions that matter, in one line."""
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    programs = [tools.version(name) for name in PROGRAMS if tools.find(name)]
    return f"{cores} cores, {_processor()}; {python}; {', '.join([*packages, *programs])}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
