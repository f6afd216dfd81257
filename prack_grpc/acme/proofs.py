"""Where proofs for an authority are, while it looks at the ports."""

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from urllib.parse import quote, unquote

from prack_grpc.tls.validation import proving
from prack_wire import private


class Kept(MutableMapping[str, bytes]):
    """A folder of proofs, a file for each: any process that is asked shows what one has put."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder

    def __getitem__(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except OSError:  # anybody may ask for anything
            raise KeyError(key) from None

    def __setitem__(self, key: str, proof: bytes) -> None:
        private.write(self._path(key), proof.decode())

    def __delitem__(self, key: str) -> None:
        self._path(key).unlink()

    def __iter__(self) -> Iterator[str]:
        return map(unquote, os.listdir(self._folder))

    def __len__(self) -> int:
        return len(os.listdir(self._folder))

    def _path(self, key: str) -> Path:
        return self._folder / quote(key, safe="", errors="surrogateescape")


class Contexts(Mapping[str, ssl.SSLContext]):
    """What a TLS port shows of `certificates`, which are PEM by name (RFC 8737).

    `folder` is for files of a moment, as Python's ssl reads certificates from nothing else.
    """

    def __init__(self, certificates: Mapping[str, bytes], folder: Path) -> None:
        self._certificates = certificates
        self._folder = folder

    def __getitem__(self, name: str) -> ssl.SSLContext:
        pem, context = self._certificates[name], proving()
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:  # 0600
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def __iter__(self) -> Iterator[str]:
        return iter(self._certificates)

    def __len__(self) -> int:
        return len(self._certificates)
