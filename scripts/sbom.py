"""The software bill of materials of the gateway: `make sbom`, or `python -m scripts.sbom`.

CycloneDX 1.6 as JSON, on standard output: each package that requirements/runtime.txt pins, with the
hashes of its files. The same pins give the same document.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import prack_grpc

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "requirements/runtime.txt"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(text: str) -> list[dict[str, Any]]:
    """The pinned packages of a hashed requirements file, as CycloneDX has them."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if pin := PIN.match(line):
            name, version = pin.groups()
            found.append(
                {
                    "type": "library",
                    "bom-ref": f"pkg:pypi/{name}@{version}",
                    "name": name,
                    "version": version,
                    "purl": f"pkg:pypi/{name}@{version}",
                    "hashes": [],
                }
            )
        elif digest := HASH.search(line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest[1]})
    return found


def document(text: str) -> dict[str, Any]:
    """The whole document."""
    product = {"type": "application", "name": "prack", "version": prack_grpc.__version__}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product | {"bom-ref": "prack"}},
        "components": components(text),
    }


if __name__ == "__main__":
    json.dump(document(PINS.read_text()), sys.stdout, indent=2)
    print()
