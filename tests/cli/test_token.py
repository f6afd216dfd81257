"""`prack token`: what it prints, and what it does to the file."""

import re
import time
from pathlib import Path

import pytest

from prack_grpc.cli.main import main
from prack_grpc.private.credentials import digest, read
from tests.support.issuer import table

NEW = ("token", "new", "--role", "worker", "--name")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands look without --file."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("PRACK_CREDENTIALS", str(path))
    return path


def test_a_new_token_is_printed_once_and_kept_as_a_hash(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = "--service shop --route shop.test/* --route /x --tier 1 --slots 4 --expires 90d".split()
    assert main([*NEW, "shop-1", *scope]) == 0
    printed = capsys.readouterr()
    assert re.fullmatch(r"prack_w_[\w-]{43}\n", printed.out)
    assert printed.out.strip() not in printed.err
    assert printed.out.strip() not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (entry,) = read(path)
    assert entry.proof == digest(printed.out.strip().encode())
    assert entry.scope.slots == 4
    assert [str(route) for route in entry.scope.routes] == ["shop.test/", "*/x"]
    assert 89.9 < (entry.expires - time.time()) / 86400 <= 90


def test_a_certificate_needs_no_secret(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEW, "shop-1", "--certificate", "Shop-1.example", "--slots", "4"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, "it has no secret" in printed.err) == ("", True)
    (entry,) = read(path)
    assert (entry.proof, entry.scope.slots) == ("shop-1.example", 4)


def test_tokens_beside_issuers_come_and_go(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = '[[token]]\nname = "ci"\nrole = "worker"\nissuer = "idp"\n[token.claims]\nsub = "x*"\n'
    path.touch(0o600)
    path.write_text(table("keys.json") + known)
    main([*NEW, "a"])
    path.write_text(path.read_text() + table("other.json", name="other"))
    main([*NEW, "b", "--certificate", "b.example"])
    capsys.readouterr()
    assert main(["token", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[-2:] for row in rows[1:]] == [
        ["idp", "sub=x*"],
        ["-", "secret"],
        ["-", "b.example"],
    ]
    for name in ("a", "ci"):
        assert main(["token", "revoke", name]) == 0
    assert [entry.name for entry in read(path)] == ["b"]
    assert path.read_text().count("[[issuer]]") == 2
    assert "[token.claims]" not in path.read_text()


def test_a_revoked_token_is_gone_and_the_rest_as_it_was(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        main([*NEW, name])
    path.write_text("# ours\n" + path.read_text().replace('name = "c"', 'name = "c" # the last'))
    path.chmod(0o640)
    assert main(["token", "revoke", "b"]) == 0
    assert [entry.name for entry in read(path)] == ["a", "c"]
    assert path.read_text().startswith("# ours\n")
    assert "# the last" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]
    capsys.readouterr()
    assert main(["token", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["a", "worker", "never"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("token revoke z", "has no token z; it has a"),
        ("token new --role worker --name a", "is not changed: name: the same in a, a"),
        ("token new --role worker --name b --slots 0", "is not changed: token b: slots: expected"),
        (
            "token new --role viewer --name b --tier 1",
            "is not changed: token b: tiers: only workers",
        ),
        ("token new --role viewer --name b --expires soon", "--expires soon: expected 90d, 12h"),
        ("token new --role viewer --name b --expires 2020-01-01", "expected a moment to come"),
        ("token new --role viewer --name b --file /nowhere/x", "/nowhere/x: No such file"),
        ("token list --file /nowhere/x", "/nowhere/x: cannot read it"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    path: Path, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*NEW, "a"])
    before = path.read_bytes()
    capsys.readouterr()
    assert main(line.split()) == 1
    printed = capsys.readouterr()
    assert (printed.out, said in printed.err) == ("", True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", ["token new --role worker --name b", "token list"])
def test_a_file_that_is_no_text_is_named(
    path: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(b"\xff\xfe")
    assert main(line.split()) == 1
    assert capsys.readouterr().err == f"prack: {path}: expected TOML in UTF-8\n"


def test_a_file_in_an_unusual_form_is_left_to_people(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*NEW, "a"])
    (entry,) = read(path)
    assert isinstance(entry.proof, bytes)
    text = f'{{name = "a", role = "worker", hash = "sha256:{entry.proof.hex()}"}}'
    path.write_text(f"token = [{text}]\n")
    assert main(["token", "revoke", "a"]) == 1
    assert "written in an unusual way: remove a by hand" in capsys.readouterr().err


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "real")
    main([*NEW, "a"])
    assert path.is_symlink()
    assert [entry.name for entry in read(path)] == ["a"]


def test_an_expired_token_is_listed_as_such(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*NEW, "a"])
    path.write_text(path.read_text() + "expires = 2020-01-01\n")
    capsys.readouterr()
    main(["token", "list"])
    assert "2020-01-01 00:00+00:00 (expired)" in capsys.readouterr().out
