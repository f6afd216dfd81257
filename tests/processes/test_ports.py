"""What a supervisor opens for its processes."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import AddressInUse
from prack_grpc.processes.ports import Ports
from prack_grpc.settings.settings import Settings

FREE = {"host": "127.0.0.1", "port": 0, "api_port": 0, "grpc_port": 0, "admin_port": 0}


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what was opened."""
    with ExitStack() as stack:
        yield stack


def ports(opened: ExitStack, sockets: Sockets | None = None, **settings: object) -> Ports:
    """The ports of two processes."""
    sockets = sockets or Sockets()

    def close() -> None:
        for sock in sockets.open.values():
            sock.close()

    opened.callback(close)
    return Ports(Settings.model_validate({**FREE, "processes": 2, **settings}), sockets)


def port(sock: socket.socket) -> int:
    """Its number."""
    number: int = sock.getsockname()[1]
    return number


def is_listening(sock: socket.socket) -> bool:
    """Whether clients come to it."""
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def test_each_process_has_a_socket_of_its_own_for_clients(opened: ExitStack) -> None:
    made = ports(opened)
    rest = socket.socket()
    opened.enter_context(rest)
    first, second = (made.of(number, rest).given for number in (1, 2))
    assert first["public"] is not second["public"]
    assert port(first["public"]) == port(second["public"])
    assert first["admin"] is second["admin"]
    assert first["rest"] is rest
    assert set(first) == {"public", "admin", "rest"}


def test_the_port_of_grpc_is_kept_for_them(opened: ExitStack) -> None:
    number = ports(opened).settings.grpc_port
    with pytest.raises(AddressInUse, match="--grpc-port"):
        ports(opened, grpc_port=number)
    theirs = opened.enter_context(socket.socket())
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    theirs.bind(("127.0.0.1", number))


def test_without_grpc_its_port_is_left_alone(opened: ExitStack) -> None:
    theirs = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    made = ports(opened, grpc=False, grpc_port=port(theirs))
    assert "grpc" not in made.sockets.open
    assert made.settings.grpc_port == 0


def test_a_second_gateway_does_not_share_the_clients(opened: ExitStack) -> None:
    made = ports(opened)
    with pytest.raises(AddressInUse, match="choose another with --port"):
        ports(opened, port=port(made.sockets.open["public.1"]))


def test_clients_of_a_process_that_is_away_come_to_the_others(opened: ExitStack) -> None:
    made = ports(opened)
    number = port(made.sockets.open["public.1"])
    made.close(2)
    for _ in range(20):
        opened.enter_context(socket.create_connection(("127.0.0.1", number)))
        opened.enter_context(made.sockets.open["public.1"].accept()[0])
    made.open(2)
    assert port(made.sockets.open["public.2"]) == number
    assert not is_listening(made.sockets.open["public.2"])
    made.listen(2)
    assert is_listening(made.sockets.open["public.2"])


def test_what_systemd_holds_is_shared_and_stays_open(opened: ExitStack) -> None:
    held = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    made = ports(opened, Sockets({"public": held}, frozenset({"public"})))
    own = made.of(2, held)
    assert port(own.given["public"]) == port(held)
    assert own.kept == {"public"}
    made.close(2)
    assert port(made.sockets.open["public.2"]) == port(held)


def test_what_a_predecessor_had_is_taken_whatever_the_settings_are_now(opened: ExitStack) -> None:
    first = ports(opened)
    second = ports(opened, Sockets(dict(first.sockets.open)), processes=3)
    assert second.settings.processes == 2
    assert second.sockets.open == first.sockets.open
