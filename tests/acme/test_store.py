"""What is kept of an authority, and what stops a gateway from using it."""

import json
import os
import time
from pathlib import Path

import pytest

from prack_grpc.acme import signed
from prack_grpc.acme.schedule import Orders
from prack_grpc.acme.store import Store
from prack_grpc.settings.loading import load
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate
from tests.support.certificates import Authority

DIRECTORY = "https://ca.example:444/directory"
NAMES = ("a.example", "b.example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where there is nothing yet."""
    return tmp_path / "store"


def asking(folder: Path, directory: str = DIRECTORY) -> Settings:
    """The settings of a gateway with this store."""
    flags = {"acme": "anna@shop.example", "acme_domains": ",".join(NAMES)}
    return load({**flags, "acme_store": str(folder), "acme_directory": directory}, {})


def opened(folder: Path) -> Store:
    """The store of a gateway that has started."""
    return Store(asking(folder))


def test_a_new_store_has_a_certificate_that_signs_itself(folder: Path) -> None:
    store = opened(folder)
    assert (store.certificate.temporary, store.certificate.names) == (True, frozenset(NAMES))
    assert store.certificate.begin < time.time() < store.certificate.end
    assert store.file == folder / "ca.example:444" / "certificate.pem"


def test_what_was_kept_is_there_after_a_restart(folder: Path, tmp_path: Path) -> None:
    before = opened(folder)
    issued = Authority(tmp_path).issue("DNS:a.example")
    before.put(issued.key.read_text() + issued.cert.read_text())
    before.put_orders(Orders((1.0, 2.0), 3, 4.0))
    after = opened(folder)
    assert after.orders == Orders((1.0, 2.0), 3, 4.0)
    assert after.text == before.text
    assert (after.certificate.temporary, after.certificate.names) == (
        False,
        frozenset(["a.example"]),
    )
    assert after.account.private_numbers() == before.account.private_numbers()


def test_an_expired_certificate_is_as_good_as_none(folder: Path, tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("DNS:a.example")
    issued.expire()
    opened(folder).put(issued.key.read_text() + issued.cert.read_text())
    assert opened(folder).certificate.end > time.time()
    assert opened(folder).certificate.temporary


def test_authorities_have_folders_of_their_own(folder: Path) -> None:
    one, other = opened(folder), Store(asking(folder, "https://other.example/directory"))
    assert one.file != other.file
    assert one.account.private_numbers() != other.account.private_numbers()


def test_a_key_without_its_certificate_is_not_kept(folder: Path) -> None:
    store = opened(folder)
    chain = store.text.partition("-----BEGIN CERTIFICATE")
    with pytest.raises(ValueError, match="the key is not that of the certificate"):
        store.put(signed.pem(signed.new_key()) + "".join(chain[1:]))
    with pytest.raises(ValueError, match="certificate"):
        store.put(chain[0])
    assert opened(folder).text == store.text


BROKEN = [
    ("account.pem", "no key"),
    ("account.pem", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
    ("certificate.pem", ""),
    ("certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ("orders.json", "{"),
    ("orders.json", json.dumps({"times": 1, "failures": 0, "not_before": 0})),
    ("orders.json", json.dumps({"times": []})),
]


@pytest.mark.parametrize(("name", "text"), BROKEN)
def test_a_broken_file_is_named_with_what_to_do(folder: Path, name: str, text: str) -> None:
    path = opened(folder).file.parent / name
    path.write_text(text)
    with pytest.raises(BadCertificate, match=rf"--acme-store: {path} cannot be used: .*move it"):
        opened(folder)


def test_a_file_that_others_can_change_is_refused(folder: Path) -> None:
    path = opened(folder).file
    path.chmod(0o602)
    with pytest.raises(BadCertificate, match=f"--acme-store: other users can change {path}"):
        opened(folder)


def test_a_folder_that_others_can_change_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(BadCertificate, match=f"can change {folder}: run `chmod 700` on it"):
        opened(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 65534, -1)
    with pytest.raises(BadCertificate, match=f"{folder} belongs to another user"):
        opened(folder)


def test_a_planted_link_is_neither_read_nor_written_through(folder: Path, tmp_path: Path) -> None:
    path = opened(folder).file
    other = tmp_path / "other"
    other.write_text(path.read_text())
    path.unlink()
    path.symlink_to(other)
    with pytest.raises(BadCertificate, match="symbolic link"):
        opened(folder)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadCertificate) as caught:
        opened(tmp_path / "file")
    assert str(caught.value) == (
        f"--acme-store: {tmp_path}/file is no folder: name one, which the gateway makes if need be"
    )


def test_a_folder_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadCertificate, match=r"--acme-store: .*Not a directory; name a folder"):
        opened(tmp_path / "file" / "store")
