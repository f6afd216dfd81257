"""The Procfile and the compose files of deploy/ name commands and flags that exist."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT
from tests.docs.test_pages import FLAG, command_of, flags

COMPOSE = sorted((ROOT / "deploy").rglob("compose.yaml"))


def check(words: list[str]) -> None:
    """These words run one of our commands, with flags that it has."""
    program, *arguments = words
    known = flags(program, *command_of(program, " ".join(arguments)))
    assert set(FLAG.findall(" ".join(arguments))) <= known


def services(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["services"]
    return found


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: str(file.parent.name))
def test_containers_run_commands_that_exist(file: Path) -> None:
    ours = [one["command"] for one in services(file).values() if one["command"][0] != "-c"]
    assert {words[0] for words in ours} == {"prack", "prack-worker"}
    for words in ours:
        check(words)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: str(file.parent.name))
def test_containers_use_secrets_that_are_declared(file: Path) -> None:
    declared = set(yaml.safe_load(file.read_text())["secrets"])
    used = {name for one in services(file).values() for name in one.get("secrets", ())}
    assert used == declared


def test_workers_dial_the_gateway_beside_them() -> None:
    found = services(ROOT / "deploy/compose.yaml")
    assert "--gateway=prack://gateway:4242" in found["worker"]["command"]
    assert found["worker"]["depends_on"] == ["gateway"]


def test_the_procfile_runs_commands_that_exist() -> None:
    lines = (ROOT / "deploy/Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    assert set(commands) == {"web", "worker"}
    for command in commands.values():
        check(command.split())
