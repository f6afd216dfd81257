"""Who is known, while the file changes and time goes by."""

import logging
from pathlib import Path

import pytest

from prack_grpc.private.credentials import BadCredentials, digest
from prack_grpc.private.principals import Principals


def entry(name: str, secret: str = "", more: str = "") -> str:
    hashed = digest((secret or name).encode()).hex()
    return f'[[token]]\nname = "{name}"\nrole = "worker"\nhash = "sha256:{hashed}"\n{more}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two tokens, whose secrets are their names."""
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text(entry("a") + entry("b"))
    return path


def test_who_stays_as_he_was_stays_the_same(path: Path) -> None:
    known = Principals(path, 0.0)
    a, b = known.bearer(b"a"), known.bearer(b"b")
    assert a is not None
    assert a is known.named("a")
    assert known.look(1.0) == []
    path.write_text(entry("c") + entry("a"))
    assert known.look(2.0) == []
    assert known.look(2.5) == [b]
    assert known.bearer(b"a") is a
    assert known.bearer(b"b") is None
    assert known.named("c") is known.bearer(b"c")


@pytest.mark.parametrize(("secret", "more"), [("new", ""), ("a", "slots = 3")])
def test_who_has_changed_is_somebody_else(path: Path, secret: str, more: str) -> None:
    known = Principals(path, 0.0)
    before = known.bearer(b"a")
    path.write_text(entry("a", secret, more) + entry("b"))
    known.look(0.5)
    assert known.look(1.0) == [before]
    now = known.bearer(secret.encode())
    assert now is known.named("a")
    assert now is not before


def test_who_has_expired_is_known_no_more(path: Path) -> None:
    path.write_text(entry("a", more="expires = 1970-01-01T00:01:00Z") + entry("b"))
    known = Principals(path, 0.0)
    a = known.bearer(b"a")
    assert known.look(59.0) == []
    assert known.look(60.0) == [a]
    assert known.bearer(b"a") is None
    assert known.look(61.0) == []
    assert Principals(path, 60.0).bearer(b"a") is None


@pytest.mark.parametrize("bad", ["[[token", entry("a") + entry("a"), None])
def test_a_bad_file_changes_nothing_and_is_told_once(
    path: Path, bad: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    known = Principals(path, 0.0)
    path.unlink()
    if bad is not None:
        path.touch(0o600)
        path.write_text(bad)
    for now in (1.0, 2.0, 3.0):
        assert known.look(now) == []
    assert known.bearer(b"a") is not None
    (line,) = caplog.records
    assert line.getMessage().startswith(f"kept the credentials as they were: {path}: ")
    assert vars(line)["action"] == "credentials_rejected"


def test_a_signal_reads_what_has_not_changed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = Principals(path, 0.0)
    with caplog.at_level(logging.INFO):
        assert known.look(1.0, whatever=True) == []
    (line,) = caplog.records
    assert (vars(line)["action"], vars(line)["tokens"]) == ("credentials_reloaded", 2)


def test_a_file_that_is_wrong_at_the_start_is_an_error(path: Path) -> None:
    path.write_text(entry("a") + "x = 1")
    with pytest.raises(BadCredentials, match="token a: x: unknown key"):
        Principals(path, 0.0)


def test_a_file_that_others_can_read_is_said_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.chmod(0o644)
    Principals(path, 0.0)
    (line,) = caplog.records
    assert vars(line)["action"] == "token_exposed"


def test_a_file_that_is_written_in_pieces_is_read_as_a_whole(path: Path) -> None:
    known = Principals(path, 0.0)
    for number, text in enumerate(("", entry("a"), entry("a") + entry("b"))):
        path.write_text(text)
        assert known.look(number) == []
    assert known.look(9.0) == []
    assert known.bearer(b"b") is not None
