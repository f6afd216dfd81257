"""The modules that `make compile` compiles, as pyproject.toml names them."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLES: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
PATHS = [
    ROOT / f"prack_grpc/{name}.py"
    for name in TABLES["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
]
COMPILED = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PATHS}
