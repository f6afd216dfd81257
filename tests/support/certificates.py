"""Certificates of an authority that exists for one test only."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import needed


@dataclass(frozen=True)
class Issued:
    """A certificate, with those between it and the authority, and its key: files in PEM."""

    cert: Path
    key: Path

    def settings(self, name: str = "tls") -> dict[str, str]:
        """The settings of a gateway that shows it."""
        return {f"{name}_cert": str(self.cert), f"{name}_key": str(self.key)}

    def flags(self, name: str = "tls") -> tuple[str, ...]:
        """The same as flags."""
        return (f"--{name}-cert", str(self.cert), f"--{name}-key", str(self.key))

    def expire(self) -> None:
        """Have it sign itself, with an end that was yesterday."""
        words = ("x509", "-signkey", str(self.key))
        new = self.cert.with_suffix(".new")
        files = ("-days", "-1", "-in", str(self.cert), "-out", str(new))
        command = [needed("openssl", "openssl"), *words, *files]
        subprocess.run(command, check=True, capture_output=True)
        new.rename(self.cert)


class Authority:
    """Signs certificates, by an intermediate one if it is asked to; `file` is its own."""

    def __init__(self, folder: Path, name: str = "Test Root") -> None:
        self._folder = folder
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self._key = self.file.with_suffix(".key")
        self._of(name, self.file, self._key, "basicConstraints=critical,CA:TRUE")

    def issue(
        self,
        *sans: str,
        file: str = "",
        subject: str = "",
        usage: str = "serverAuth,clientAuth",
        days: int = 2,
    ) -> Issued:
        """A certificate for these names, such as `DNS:localhost`, in files of this name."""
        name = file or sans[0].partition(":")[2].strip("*.").replace("/", "-")
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        extensions = [f"extendedKeyUsage={usage}"]
        extensions += [f"subjectAltName={','.join(sans)}"] if sans else []
        self._of(subject or name, issued.cert, issued.key, *extensions, by=self, days=days)
        return issued

    def intermediate(self) -> "Authority":
        """An authority that this one has signed; what it issues comes with its own certificate."""
        return _Intermediate(self._folder, self)

    def lock(self, key: Path, locked: Path) -> None:
        """Write this key once more, behind a password."""
        words = ("pkey", "-aes256", "-passout", "pass:secret", "-in", str(key), "-out", str(locked))
        subprocess.run([needed("openssl", "openssl"), *words], check=True, capture_output=True)

    def client(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority only."""
        return ssl.create_default_context(cafile=self.file)

    def _of(
        self,
        subject: str,
        cert: Path,
        key: Path,
        *extensions: str,
        by: "Authority | None" = None,
        days: int = 2,
    ) -> None:
        """Make files; renewed ones take the place of the old at once."""
        new_cert, new_key = cert.with_suffix(".new"), key.with_suffix(".new-key")
        subprocess.run(
            [
                *(needed("openssl", "openssl"), "req", "-x509", "-nodes", "-days", str(days)),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-subj", f"/CN={subject}", "-keyout", str(new_key), "-out", str(new_cert)),
                *(word for extension in extensions for word in ("-addext", extension)),
                *(("-CA", str(by.file), "-CAkey", str(by._key)) if by else ()),
            ],
            check=True,
            capture_output=True,
        )
        new_key.rename(key)
        new_cert.rename(cert)


class _Intermediate(Authority):
    def __init__(self, folder: Path, root: Authority) -> None:
        self._root = root
        super().__init__(folder, "Test Intermediate")

    def _of(
        self,
        subject: str,
        cert: Path,
        key: Path,
        *extensions: str,
        by: Authority | None = None,
        days: int = 2,
    ) -> None:
        super()._of(subject, cert, key, *extensions, by=by or self._root, days=days)
        if by is self:
            cert.write_bytes(cert.read_bytes() + self.file.read_bytes())
