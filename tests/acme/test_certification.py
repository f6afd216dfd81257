"""Whether an authority is asked, and which settings do not go together."""

import subprocess
import sys
from pathlib import Path

import pytest

from prack_grpc.acme.certification import Certification
from prack_grpc.settings.loading import SettingsError, load
from prack_grpc.tls.certificates import BadCertificate

ASKED = {"acme": "anna@shop.example", "acme_domains": "shop.example", "acme_store": "store"}
IMPORTED = """
import sys
from prack_grpc.composition.service import Service
from prack_grpc.settings.loading import SettingsError, load
{before}
try:
    Service(load({flags}, {{}}))
except SettingsError as error:
    print(error)
print(*(name for name in sys.modules if name.startswith({heavy})), end="")
"""
HEAVY = ("acme", "cryptography", "josepy", "prack_grpc.acme.renewal", "requests")


def run(flags: dict[str, str], before: str = "") -> str:
    """What a process says and has imported that makes a gateway of these settings."""
    code = IMPORTED.format(flags=flags, before=before, heavy=HEAVY)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_nothing_is_imported_unasked() -> None:
    assert run({}) == ""


def test_a_missing_extra_is_named() -> None:
    said = run(ASKED, "sys.modules['josepy'] = None")
    assert "--acme: the extra is not installed (No module named josepy)" in said
    assert "pip install 'prack[acme]'" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"acme": "anna"}, "--acme: expected an address of mail such as you@example.com"),
        ({"acme_domains": ""}, "--acme: set --acme-domains"),
        ({"acme_domains": "*.shop.example"}, r"--acme-domains: \*.shop.example would need .* DNS"),
        ({"acme_domains": "localhost"}, "--acme-domains: expected names such as .*'localhost'"),
        ({"acme_domains": "192.0.2.1"}, "--acme-domains: expected names such as .*'192.0.2.1'"),
        ({"acme_domains": "bücher.example"}, "--acme-domains: .*not ASCII as xn--"),
        ({"acme_directory": "http://ca.example/"}, "--acme-directory: expected a URL such as http"),
        ({"tls_cert": "a.pem", "tls_key": "a.key"}, "--acme: the certificate is already there"),
    ],
)
def test_settings_that_make_no_sense_are_refused(flags: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({**ASKED, **flags}, {})


@pytest.mark.parametrize("name", ["acme_domains", "acme_store"])
def test_parts_without_the_whole_are_a_mistake(name: str) -> None:
    with pytest.raises(SettingsError, match=f"--{name.replace('_', '-')}: needs --acme"):
        load({name: ASKED[name]}, {})


def test_names_are_lower_cased_and_named_once() -> None:
    settings = load({**ASKED, "acme_domains": " Shop.example., shop.example ,b.example"}, {})
    assert settings.acme_domains == ("shop.example", "b.example")


def test_what_needs_tls_is_content_with_it() -> None:
    assert load({**ASKED, "http_redirect": "80", "hsts": "60"}, {}).hsts == 60


@pytest.mark.parametrize(("text", "why"), [(None, "No such file"), ("none", "in PEM")])
def test_an_authority_that_cannot_be_trusted_is_named(
    tmp_path: Path, text: str | None, why: str
) -> None:
    ca = tmp_path / "ca.pem"
    if text is not None:
        ca.write_text(text)
    flags = {**ASKED, "acme_store": str(tmp_path / "store"), "acme_ca": str(ca)}
    with pytest.raises(BadCertificate, match=f"--acme-ca: {ca} cannot be used: .*{why}"):
        Certification(load(flags, {}))
