"""A certificate that another process gets."""

from pathlib import Path

from prack_grpc.acme.following import Following
from prack_grpc.acme.signed import self_signed
from prack_grpc.settings.loading import load
from prack_grpc.tls.certificates import Certificates
from prack_wire import private
from tests.support.certificates import Authority


def test_what_the_first_process_has_got_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    private.write(file, self_signed(["a.example"]))
    certificates = Certificates(load({"tls_cert": str(file), "tls_key": str(file)}, {}), "tls")
    follows = Following(file)
    assert follows.reasons() == ["no certificate yet (--acme): process 1 orders it"]
    private.write(file, "nonsense")
    follows.look(certificates)
    assert certificates.loaded.names == ("a.example",)
    issued = Authority(tmp_path).issue("DNS:b.example")
    private.write(file, issued.key.read_text() + issued.cert.read_text())
    follows.look(certificates)
    assert certificates.loaded.names == ("b.example",)
    assert follows.reasons() == []
