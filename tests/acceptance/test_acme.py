"""Certificates from a real authority, which really looks at the gateway's ports."""

import json
import re
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from prack_grpc.handover import control
from tests.acceptance.load import Load
from tests.acceptance.pebble import REFUSED, Pebble, pebble
from tests.acceptance.processes import (
    SECONDS,
    Gateway,
    Launcher,
    fetch,
)

A, B = "a.shop.example", "b.shop.example"
BOTH_WAYS = pytest.mark.parametrize("by_http", [True, False], ids=["HTTP-01", "TLS-ALPN-01"])


@pytest.fixture
def authority(launch: Launcher, tmp_path: Path) -> Pebble:
    """Who signs."""
    return pebble(launch, tmp_path)


def certified(launch: Launcher, authority: Pebble, *names: str, by_http: bool = True) -> Gateway:
    """A gateway with these names, by default A, to which its certificate was issued."""
    flags = authority.flags(*(names or (A,)), by_http=by_http)
    gateway = launch.gateway(*flags, ports=authority.ports)
    gateway.line('"acme_issued"')
    return gateway


def names_shown(authority: Pebble, name: str = A) -> set[str]:
    """The names of the certificate that a client sees who asks for this one, and trusts."""
    return {value for _, value in seen(authority, name)["subjectAltName"]}


def seen(authority: Pebble, name: str = A) -> dict[str, Any]:
    """That certificate."""
    client = authority.client()
    client.check_hostname = True
    with socket.create_connection(("127.0.0.1", authority.tls), SECONDS) as plain:
        with client.wrap_socket(plain, server_hostname=name) as secure:
            return dict(secure.getpeercert() or {})


def unready(gateway: Gateway) -> list[str]:
    """Why it is not ready, if it is not."""
    reply = fetch(gateway.admin_port, "/readyz")
    told = json.loads(reply.body)
    assert reply.status == (503 if "reasons" in told else 200)
    return list(told.get("reasons", []))


# ---------------------------------------------------------------- the first one


@BOTH_WAYS
def test_a_certificate_for_all_names_is_issued(
    launch: Launcher, authority: Pebble, by_http: bool
) -> None:
    gateway = certified(launch, authority, A, B, by_http=by_http)
    assert names_shown(authority, A) == names_shown(authority, B) == {A, B}
    assert not unready(gateway)
    assert gateway.records("acme_issued")[0]["names"] == f"{A}, {B}"
    launch.worker(gateway)
    assert fetch(gateway.port, "/run/x", tls=authority.client()).body == b"x 1"


@BOTH_WAYS
def test_all_processes_prove_and_show_what_one_orders(
    launch: Launcher, authority: Pebble, by_http: bool
) -> None:
    flags = authority.flags(A, by_http=by_http)
    gateway = launch.gateway(*flags, ports=authority.ports, processes="2")
    gateway.line('"acme_issued"')
    gateway.line('"process": 2, "action": "tls_loaded"', number=2)
    assert [names_shown(authority) for _ in range(16)] == [{A}] * 16
    assert {*map(tuple, (unready(gateway) for _ in range(16)))} == {()}
    assert {record["process"] for record in gateway.records("acme_ordering")} == {1}


def test_files_are_for_the_gateways_user_only(launch: Launcher, authority: Pebble) -> None:
    certified(launch, authority)
    files = list(authority.stored.parent.iterdir())
    assert {file.name for file in files} == {"account.pem", "certificate.pem", "orders.json"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {one.stat().st_mode & 0o777 for one in (authority.store, files[0].parent)} == {0o700}


@BOTH_WAYS
def test_an_authority_that_refuses_a_quarter_of_the_nonces_is_asked_again(
    launch: Launcher, tmp_path: Path, by_http: bool
) -> None:
    certified(launch, pebble(launch, tmp_path, refused_nonces=25), by_http=by_http)


@BOTH_WAYS
def test_a_name_that_leads_elsewhere_is_told_in_the_authoritys_words(
    launch: Launcher, authority: Pebble, by_http: bool
) -> None:
    authority.move(B, "127.0.0.2")
    gateway = launch.gateway(*authority.flags(A, B, by_http=by_http), ports=authority.ports)
    gateway.line('"acme_failed"')
    (failed,) = gateway.records("acme_failed")
    assert re.fullmatch(rf"{B}: .*127\.0\.0\.2.*\(\w+\)", failed["reason"])
    assert failed["next_try"] > failed["time"]
    why = f"no certificate yet (--acme): {failed['reason']}; next try at {failed['next_try']}"
    assert unready(gateway) == [why]


def test_a_refused_name_is_told_and_after_a_repair_sighup_orders_at_once(
    launch: Launcher, authority: Pebble
) -> None:
    gateway = launch.gateway(*authority.flags(A, REFUSED), ports=authority.ports)
    gateway.line('"acme_failed"')
    (failed,) = gateway.records("acme_failed")
    assert "rejectedIdentifier" in failed["reason"]
    assert gateway.stop() == 0
    authority.move(A, "127.0.0.2")
    gateway = launch.gateway(*authority.flags(A), ports=authority.ports)
    gateway.line('"acme_failed"')
    authority.move(A, "127.0.0.1")
    gateway.send(signal.SIGHUP)
    gateway.line('"acme_issued"')


def test_more_than_four_orders_an_hour_are_not_made_whoever_asks(
    launch: Launcher, authority: Pebble
) -> None:
    orders = {"times": [time.time() - 60] * 4, "failures": 4, "not_before": 0}
    authority.stored.parent.mkdir(parents=True, mode=0o700)
    (authority.stored.parent / "orders.json").write_text(json.dumps(orders))
    gateway = launch.gateway(*authority.flags(A), ports=authority.ports)
    gateway.send(signal.SIGHUP)
    gateway.line('"tls_loaded"', number=2)
    assert gateway.stop() == 0
    assert not gateway.records("acme_ordering")


# ---------------------------------------------------------------- the authority is away


def test_without_an_authority_a_kept_certificate_is_shown_at_once(
    launch: Launcher, authority: Pebble
) -> None:
    assert certified(launch, authority).stop() == 0
    authority_client = authority.client()
    authority.process.kill()
    gateway = launch.gateway(*authority.flags(A), ports=authority.ports)
    assert not unready(gateway)
    assert fetch(gateway.port, "*", "OPTIONS", tls=authority_client).status == 204
    assert not gateway.records("acme_ordering")


def test_without_authority_and_certificate_one_that_nobody_trusts_is_shown(
    launch: Launcher, authority: Pebble
) -> None:
    client = authority.client()
    authority.process.kill()
    gateway = launch.gateway(*authority.flags(A), ports=authority.ports)
    gateway.line('"acme_failed"')
    assert "cannot reach the authority" in gateway.records("acme_failed")[0]["reason"]
    assert "cannot reach the authority" in unready(gateway)[0]
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        fetch(gateway.port, "*", "OPTIONS", tls=client)
    assert gateway.stop() == 0


# ---------------------------------------------------------------- renewal


@BOTH_WAYS
def test_a_renewal_under_load_fails_no_request(
    launch: Launcher, authority: Pebble, by_http: bool
) -> None:
    gateway = certified(launch, authority, by_http=by_http)
    launch.worker(gateway)
    before = seen(authority)["serialNumber"]
    authority.urge()
    with Load(gateway.port, fresh=4, tls=authority.client()) as load:
        load.more(20)
        gateway.send(signal.SIGHUP)
        gateway.line('"acme_issued"', number=2)
        load.more(20)
    assert not load.failures
    assert seen(authority)["serialNumber"] != before


def test_other_names_are_ordered_while_the_old_ones_are_shown(
    launch: Launcher, authority: Pebble
) -> None:
    assert certified(launch, authority).stop() == 0
    gateway = launch.gateway(*authority.flags(A, B), ports=authority.ports)
    assert not unready(gateway)
    gateway.line('"acme_issued"')
    assert names_shown(authority) == {A, B}


def test_a_stop_waits_for_no_authority(launch: Launcher, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        directory = f"https://127.0.0.1:{silent.getsockname()[1]}/dir"
        flags = ("--acme", "a@shop.example", "--acme-domains", A, "--acme-store")
        gateway = launch.gateway(*flags, str(tmp_path / "store"), "--acme-directory", directory)
        asking, _ = silent.accept()
        with asking:
            began = time.monotonic()
            assert gateway.stop() == 0
            assert time.monotonic() - began < SECONDS / 4


# ---------------------------------------------------------------- upgrade


def upgrade(launch: Launcher, gateway: Gateway) -> psutil.Process:
    """Replace a gateway, and return its successor."""
    done, said = control.ask("127.0.0.1", gateway.api_port)
    assert done, said
    return launch.adopt(int(said.split()[1]))


@BOTH_WAYS
def test_a_successor_takes_over_and_renews(
    launch: Launcher, authority: Pebble, by_http: bool
) -> None:
    gateway = certified(launch, authority, by_http=by_http)
    before = seen(authority)["serialNumber"]
    successor = upgrade(launch, gateway)
    assert gateway.popen.wait(SECONDS) == 0
    assert seen(authority)["serialNumber"] == before
    assert len(gateway.records("acme_ordering")) == 1
    authority.urge()
    successor.send_signal(signal.SIGHUP)
    gateway.line('"acme_issued"', number=2)
    assert seen(authority)["serialNumber"] != before


def test_an_upgrade_waits_for_the_order_that_is_under_way(
    launch: Launcher, authority: Pebble
) -> None:
    gateway = launch.gateway(*authority.flags(A), ports=authority.ports)
    gateway.line('"acme_ordering"')
    upgrade(launch, gateway)
    gateway.line('"upgraded"')
    done = [record["action"] for record in map(json.loads, gateway.lines) if "action" in record]
    assert done.index("acme_issued") < done.index("upgraded")
    assert names_shown(authority) == {A}
    assert done.count("acme_ordering") == 1


# ---------------------------------------------------------------- what is wrong


def test_a_broken_store_stops_the_start(launch: Launcher, authority: Pebble) -> None:
    assert certified(launch, authority).stop() == 0
    flags, file = authority.flags(A, by_http=False), authority.stored
    file.write_text("no certificate")
    status, said = launch.failing(*flags)
    assert (status, "Traceback" in said) == (3, False)
    assert f"--acme-store: {file} cannot be used" in said
    assert "move it away" in said


def test_a_store_that_cannot_be_made_stops_the_start(launch: Launcher, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = str(tmp_path / "file" / "store")
    flags = ("--acme", "a@shop.example", "--acme-domains", A, "--acme-store", store)
    status, said = launch.failing(*flags)
    assert (status, "Traceback" in said) == (3, False)
    assert "--acme-store: " in said
    assert store in said
