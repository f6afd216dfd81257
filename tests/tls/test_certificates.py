"""Certificates as files: bad ones are refused by name, renewed ones are shown."""

import logging
import ssl
from pathlib import Path

import pytest

from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate, Certificates
from tests.support.certificates import Authority, Issued


def certificates(*all_: Issued, **settings: object) -> Certificates:
    """Those of the public port."""
    files = {
        "tls_cert": ",".join(str(one.cert) for one in all_),
        "tls_key": ",".join(str(one.key) for one in all_),
    }
    return Certificates(Settings.model_validate({**files, **settings}), "tls")


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged."""
    return [action for one in caplog.records if (action := getattr(one, "action", None))]


def test_a_certificate_is_logged_with_its_names_and_its_end(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificates(authority.issue("DNS:a.example", "DNS:*.a.example"))
    about = vars(caplog.records[0])
    assert (about["action"], about["names"]) == ("tls_loaded", "a.example, *.a.example")
    assert ssl.cert_time_to_seconds(about["until"]) > about["created"]


def test_the_end_is_that_of_the_first_that_ends(authority: Authority) -> None:
    soon, late = authority.issue("DNS:soon.example"), authority.issue("DNS:late.example", days=9)
    ends = [certificates(*pair).loaded.end for pair in ((soon, late), (late, soon), (late,))]
    assert ends[0] == ends[1] < ends[2] - 6 * 86_400


def test_a_certificate_that_has_expired_is_refused(authority: Authority) -> None:
    old = authority.issue("DNS:old.example")
    old.expire()
    with pytest.raises(BadCertificate, match=r"--tls-cert: .*old.example.pem expired on .*renew"):
        certificates(old)


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("nowhere.pem", "own.key", r"--tls-cert: .*nowhere.pem cannot be read: No such file"),
        ("own.pem", "nowhere.key", r"--tls-key: .*nowhere.key cannot be read: No such file"),
        ("own.pem", "other.key", r"--tls-cert: .*own.pem cannot be used with the key .*other.key"),
        ("own.key", "own.key", r"--tls-cert: .*own.key cannot be used.*expected PEM"),
        ("own.pem", "locked.key", r"cannot be used with the key .*locked.key.*without a password"),
        ("client.pem", "client.key", r"--tls-cert: .*client.pem cannot be used"),
    ],
)
def test_files_that_cannot_serve_are_refused_by_name(
    bad: Path, cert: str, key: str, said: str
) -> None:
    with pytest.raises(BadCertificate, match=said):
        certificates(Issued(bad / cert, bad / key))


@pytest.mark.parametrize(
    ("file", "said"), [("nowhere.pem", "No such file"), ("own.key", "expected authorities in PEM")]
)
def test_authorities_that_cannot_be_used_are_refused_by_name(
    bad: Path, file: str, said: str
) -> None:
    files = Issued(bad / "own.pem", bad / "own.key").settings("api_tls")
    settings = Settings.model_validate({**files, "client_ca": bad / file})
    with pytest.raises(BadCertificate, match=f"--client-ca: .*{file} cannot be used: .*{said}"):
        Certificates(settings, "api_tls")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good files, and with some that do not fit."""
    folder = tmp_path_factory.mktemp("bad")
    authority = Authority(folder)
    authority.issue("DNS:own")
    authority.issue("DNS:other")
    authority.issue("DNS:client", usage="clientAuth")
    authority.lock(folder / "own.key", folder / "locked.key")
    return folder


def test_a_key_that_others_can_read_is_told(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    one = authority.issue("DNS:exposed.example")
    one.key.chmod(0o644)
    certificates(one)
    assert "key_exposed" in actions(caplog)


def test_files_are_loaded_again_when_they_have_changed_and_stay_the_same(
    authority: Authority,
) -> None:
    one = authority.issue("DNS:renewed.example")
    shown = certificates(one)
    before = shown.loaded
    shown.look()
    assert shown.loaded is before
    authority.issue("DNS:renewed.example")
    shown.look()
    assert shown.loaded is before, "it may still be written"
    shown.look()
    assert shown.loaded is not before


def test_bad_files_change_nothing_and_are_told_once(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    one = authority.issue("DNS:broken.example")
    shown = certificates(one)
    before = shown.loaded
    one.cert.write_text("not a certificate")
    for _ in range(4):
        shown.look()
    assert shown.loaded is before
    assert actions(caplog) == ["tls_not_reloaded"]
    authority.issue("DNS:broken.example")
    for _ in range(2):
        shown.look()
    assert shown.loaded is not before


def test_files_that_are_gone_change_nothing(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    one = authority.issue("DNS:gone.example")
    shown = certificates(one)
    before = shown.loaded
    one.key.unlink()
    shown.reload()
    assert shown.loaded is before
    (record,) = caplog.records
    assert f"--tls-key: {one.key} cannot be read" in record.getMessage()
