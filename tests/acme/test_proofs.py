"""Proofs that one process puts, and all show."""

from pathlib import Path

import pytest

from prack_grpc.acme.proofs import Contexts, Kept
from prack_grpc.acme.signed import self_signed

PATH = "/.well-known/acme-challenge/token"


def test_what_one_has_put_another_shows_until_it_is_taken_away(tmp_path: Path) -> None:
    one, other = (Kept(tmp_path / "answers") for _ in range(2))
    assert not other
    one[PATH] = b"proof"
    one["/b"] = b"other"
    assert other.get(PATH) == b"proof"
    assert sorted(other) == [PATH, "/b"]
    assert len(other) == 2
    one.clear()
    assert not other
    assert other.get(PATH) is None


@pytest.mark.parametrize(
    "asked", ["", ".", "..", "/", "../orders.json", "x" * 5000, "\0", "\udcff"]
)
def test_whatever_is_asked_for_nothing_else_is_shown(tmp_path: Path, asked: str) -> None:
    (tmp_path / "orders.json").write_text("{}")
    assert Kept(tmp_path / "answers").get(asked) is None


def test_files_are_for_the_gateways_user_only(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "answers")
    kept[PATH] = b"proof"
    (file,) = (tmp_path / "answers").iterdir()
    assert (tmp_path / "answers").stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_certificate_is_shown_from_what_was_put(tmp_path: Path) -> None:
    certificates = Kept(tmp_path / "proofs")
    contexts = Contexts(certificates, tmp_path)
    assert not contexts
    certificates["shop.example"] = self_signed(["shop.example"], "proof").encode()
    assert list(contexts) == ["shop.example"]
    assert contexts["shop.example"].cert_store_stats()["x509"] == 0
    assert contexts.get("other.example") is None
    assert [path.name for path in tmp_path.iterdir()] == ["proofs"], "no file of a moment is left"
