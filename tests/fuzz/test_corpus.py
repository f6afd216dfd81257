"""What fuzzing starts from, and what it once found, breaks nothing."""

from pathlib import Path

import pytest
from starlette.types import Scope

import fuzz.targets
from fuzz.clock import Found
from fuzz.replay import main
from prack_grpc.core.http.message import Request
from prack_grpc.gateway.request.forwarding import Forwarding

FOLDER = Path(fuzz.targets.__file__).parent
TARGETS = sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))
CORPUS = FOLDER.parent / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_breaks(target: str) -> None:
    files = sorted(map(str, (CORPUS / target).iterdir()))
    assert files
    main(target, *files)


class Broken(Forwarding):
    """Has a bug in the way of every request."""

    def request(self, scope: Scope) -> Request:
        """See Forwarding."""
        raise ZeroDivisionError


@pytest.mark.parametrize("target", ["front", "rest", "stream", "websocket"])
def test_a_bug_is_found(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.gateway.Forwarding", Broken)
    with pytest.raises((AssertionError, Found)):
        main(target, *map(str, (CORPUS / target).iterdir()))
