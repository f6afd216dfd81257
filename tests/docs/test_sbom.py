"""The bill of materials names what is pinned, and how it is recognized."""

import re
from importlib.metadata import requires

from scripts.sbom import PINS, document


def test_every_pinned_package_is_listed_with_its_hashes() -> None:
    text = PINS.read_text()
    listed = document(text)["components"]
    assert len(listed) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 10
    assert sum(len(one["hashes"]) for one in listed) == text.count("--hash=sha256:")
    assert all(one["hashes"] and one["purl"].startswith("pkg:pypi/") for one in listed)


def test_what_the_gateway_requires_is_among_it() -> None:
    names = {one["name"] for one in document(PINS.read_text())["components"]}
    wanted = {
        re.split(r"[<>=~;\[ ]", line)[0]
        for line in requires("prack") or []
        if "extra" not in line and not line.startswith("prack")
    }
    assert wanted - {"uvloop"} <= names
