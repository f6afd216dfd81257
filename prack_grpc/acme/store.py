"""What is kept of an authority: the account's key, the certificate with its key, and the orders.

Each authority has a folder of its own, so that a try with a test authority leaves nothing behind.
Files are for the gateway's user only.
"""

import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prack_grpc.acme.schedule import Orders
from prack_grpc.acme.signed import new_key, parsed, pem, self_signed
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate
from prack_wire import private

EXPECTED = "move it away, and the gateway makes a new one"


class Store:
    """The folder of one authority. `account` is the key of the account there.

    `file` has the key, the certificate and those that signed it, so that they change together;
    `text` is what is in it, and `certificate` what that is.
    """

    def __init__(self, settings: Settings) -> None:
        """Open or make it; without a certificate one for the names that are wanted signs itself.

        Raises BadCertificate.
        """
        folder, names = settings.acme_store, settings.acme_domains
        if folder is None:
            raise BadCertificate("--acme: set --acme-store")
        self.folder = folder / urlsplit(settings.acme_directory).netloc
        self.file = self.folder / "certificate.pem"
        self._account, self._orders = self.folder / "account.pem", self.folder / "orders.json"
        try:
            for one in (folder, self.folder):
                one.mkdir(mode=0o700, exist_ok=True)
                _check(one)
            self.account = self._key()
            self.orders = self._read_orders()
            self.put_orders(self.orders)  # a store that cannot be written fails now
            self._read_certificate(names)
        except private.Untrusted as error:
            raise BadCertificate(f"--acme-store: {error}") from None
        except FileExistsError as error:
            text = f"{error.filename} is no folder: name one, which the gateway makes if need be"
            raise BadCertificate(f"--acme-store: {text}") from None
        except OSError as error:
            text = f"{error.filename or self.folder}: {error.strerror}; name a folder that the "
            raise BadCertificate(f"--acme-store: {text}gateway's user can write") from None

    def put(self, text: str) -> None:
        """Keep a key with its chain. Raises OSError, and ValueError if they are not such."""
        certificate = parsed(text)
        private.write(self.file, text)
        self.certificate, self.text = certificate, text

    def put_orders(self, orders: Orders) -> None:
        """Keep what was ordered. Raises OSError."""
        self.orders = orders
        private.write(self._orders, json.dumps(asdict(orders)) + "\n")

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            text = private.read(self._account)
        except FileNotFoundError:
            key = new_key()
            private.write(self._account, pem(key))
            return key
        try:
            found = serialization.load_pem_private_key(text.encode(), None)
        except (ValueError, TypeError):
            found = None
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise _broken(self._account, "expected a key on P-256, as PEM")
        return found

    def _read_orders(self) -> Orders:
        try:
            told = json.loads(private.read(self._orders))
            return Orders(
                tuple(map(float, told["times"])), int(told["failures"]), float(told["not_before"])
            )
        except FileNotFoundError:
            return Orders()
        except (ValueError, LookupError, TypeError):
            raise _broken(self._orders, "expected what a gateway has written") from None

    def _read_certificate(self, names: Sequence[str]) -> None:
        """Read it if it still holds: clients refuse an old one as well as a temporary one."""
        try:
            self.text = private.read(self.file)
            self.certificate = parsed(self.text)
        except FileNotFoundError:
            self.put(self_signed(names))
        except ValueError as error:
            raise _broken(self.file, error) from None
        if self.certificate.end < time.time():
            self.put(self_signed(names))


def _check(folder: Path) -> None:
    """Raises OSError, or Untrusted if others could have put there what is in it."""
    about = os.stat(folder)
    for user in (os.lstat(folder).st_uid, about.st_uid):  # it may be a link, but not of others
        if user not in (0, os.geteuid()):
            raise private.Untrusted(f"{folder} belongs to another user ({user}): name another")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise private.Untrusted(f"other users can change {folder}: run `chmod 700` on it")


def _broken(path: Path, why: object) -> BadCertificate:
    return BadCertificate(f"--acme-store: {path} cannot be used: {why}; {EXPECTED}")
