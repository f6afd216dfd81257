"""What a caller of a gateway trusts and shows, and what it says when that does not work."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from prack_wire.tls import BadFiles, Tls

WORDS = "req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=x"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, and what is neither."""
    if shutil.which("openssl") is None:
        missing = "there is no openssl: on Debian, apt-get install openssl"
        (pytest.fail if os.environ.get("TEST_EVERYTHING") else pytest.skip)(missing)
    folder = tmp_path_factory.mktemp("tls")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    subprocess.run(["openssl", *WORDS.split(), *files], check=True, capture_output=True)
    (folder / "text.pem").write_text("nothing")
    return folder


@pytest.mark.parametrize(
    ("ca", "cert", "key", "cert_file", "said"),
    [
        ("nowhere.pem", None, None, None, "--tls-ca: No such file"),
        ("text.pem", None, None, None, "--tls-ca: .*expected certificates in PEM"),
        (None, None, None, "text.pem", "SSL_CERT_FILE or SSL_CERT_DIR: "),
        (None, "nowhere.pem", "key.pem", None, "--tls-cert: .*nowhere.pem .*No such file"),
        (None, "cert.pem", "text.pem", None, "--tls-cert: .* with the key .*text.pem"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    folder: Path,
    ca: str | None,
    cert: str | None,
    key: str | None,
    cert_file: str | None,
    said: str,
) -> None:
    files = [folder / file if file else None for file in (ca, cert, key, cert_file)]
    tls = Tls(files[0], files[1], files[2], cert_file=files[3])
    for read in (tls.context, tls.pems):
        with pytest.raises(BadFiles, match=said):
            read()


def test_the_authorities_are_those_that_were_named(folder: Path) -> None:
    tls = Tls(ca=folder / "cert.pem", cert_file=Path("/nowhere"))
    (authority,) = tls.context().get_ca_certs()
    assert authority["subject"] == ((("commonName", "x"),),)
    assert tls.pems() == ((folder / "cert.pem").read_bytes(), None, None)


def test_without_any_they_are_those_of_the_system(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
    assert Tls().pems()[0] == (folder / "cert.pem").read_bytes()


def test_a_folder_has_them_by_their_hash(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "9d66eef0.0").write_bytes((folder / "cert.pem").read_bytes())
    (tmp_path / "other").write_text("nothing")
    assert Tls(cert_dir=tmp_path).pems()[0] == (folder / "cert.pem").read_bytes()


def test_what_is_shown_is_a_certificate_with_its_key(folder: Path) -> None:
    tls = Tls(cert=folder / "cert.pem", key=folder / "key.pem")
    assert tls.pems()[1:] == tuple(
        (folder / f"{name}.pem").read_bytes() for name in ("key", "cert")
    )


def test_other_errors_are_no_matter_of_certificates() -> None:
    assert Tls().refusal(ConnectionRefusedError(), "host:1") is None
    assert Tls().refusal(ssl.SSLError(), "host:1") is None
