"""TLS with a gateway, seen from whoever calls it: workers, and the commands of operators."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
MISNAMED = (62, 64)
# What OpenSSL says when a server answers in another protocol.
NOT_TLS = "WRONG_VERSION_NUMBER"
# Certificates that OpenSSL finds in a folder, by the hash of their subject.
HASHED = "*.[0-9]"


class BadFiles(ValueError):
    """Files of certificates cannot be used; the message names the option, and what was expected."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust, and what to show.

    Attributes:
        ca: the authorities that may have signed the gateway's certificate; without it those of
            `cert_file` and `cert_dir`, or else of this system.
        cert: a certificate with those that signed it, for a gateway that demands one; and its key.
        server_name: the name that the gateway's certificate must be for, if not its address.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    cert_file: Path | None = None
    cert_dir: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For connections; the files are read now. Raises BadFiles."""
        places = (self.ca, None) if self.ca else (self.cert_file, self.cert_dir)
        try:
            context = ssl.create_default_context(cafile=places[0], capath=places[1])
        except OSError as error:
            name = "--tls-ca" if self.ca else "SSL_CERT_FILE or SSL_CERT_DIR"
            raise BadFiles(f"{name}: {_reason(error)}; expected certificates in PEM") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert is not None:
            try:
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.cert, self.key, password="")
            except (OSError, ValueError) as error:
                raise BadFiles(
                    f"--tls-cert: {self.cert} cannot be used with the key {self.key}: "
                    f"{_reason(error)}; expected PEM, and the key without a password"
                ) from None
        return context

    def pems(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Authorities, key and certificate in PEM, for gRPC. Raises BadFiles."""
        self.context()  # has the words for what is wrong
        key = self.key.read_bytes() if self.key else None
        return self._authorities(), key, self.cert.read_bytes() if self.cert else None

    def _authorities(self) -> bytes | None:
        """What `context` trusts. OpenSSL reads a folder as it needs, so that no context has it."""
        system = ssl.get_default_verify_paths()
        given = self.ca or self.cert_file or self.cert_dir
        file = self.ca or self.cert_file or (None if given or not system.cafile else system.cafile)
        folder = self.cert_dir if given else system.capath
        if file is not None:
            return Path(file).read_bytes()
        found = sorted(Path(folder).glob(HASHED)) if folder else []
        return b"\n".join(path.read_bytes() for path in found) or None

    def refusal(self, error: BaseException, address: str) -> str | None:
        """Why the gateway at "host:port" was not taken for the right one; None if it was."""
        found: BaseException | None = error
        while found is not None and not isinstance(found, ssl.SSLCertVerificationError):
            found = found.__cause__ or found.__context__
        if found is None:
            return None
        if found.verify_code in MISNAMED:
            return self.misnamed(address)
        return self.untrusted(found.verify_message)

    def misnamed(self, address: str) -> str:
        """The sentence for a certificate of another name."""
        name = self.server_name or address.rpartition(":")[0].strip("[]")
        return (
            f"the gateway's certificate is not for {name}: call it by a name that it is for, or "
            "give that to prack-worker with --tls-server-name"
        )

    def untrusted(self, reason: str) -> str:
        """The sentence for a certificate of an authority that is not trusted."""
        expected = self.ca or self.cert_file or self.cert_dir or "an authority of this system"
        return (
            f"the gateway's certificate is not trusted ({reason}): expected one signed by "
            f"{expected}; name its authority with --tls-ca"
        )


def not_tls(scheme: str) -> str:
    """The sentence for a server that answers without TLS, `scheme` the one without."""
    return (
        f"the server there speaks no TLS: use {scheme}://, or start `prack serve` with "
        "--api-tls-cert and --api-tls-key"
    )


def uncertified(reason: str) -> str:
    """The sentence for a gateway that ends the handshake."""
    return (
        f"the gateway ended the TLS handshake ({reason}): it may demand a certificate of an "
        "authority that it trusts; give one with --tls-cert and --tls-key"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
