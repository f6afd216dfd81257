"""The protocols between systemd and a service: sd_listen_fds(3) and sd_notify(3)."""

import contextlib
import os
import socket
from collections.abc import MutableMapping

FIRST = 3
NAMES = ("public", "redirect", "rest", "admin")


class BadActivation(Exception):
    """The sockets that systemd passed do not fit; the message says what to change."""


def sockets(environ: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """The sockets of a .socket unit by their FileDescriptorName. Raises BadActivation.

    The variables are removed: they are not for the processes that we start.
    """
    pid = environ.pop("LISTEN_PID", "")
    count = int(environ.pop("LISTEN_FDS", "") or 0)
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()):
        return {}
    found = {}
    for number, name in zip(range(FIRST, FIRST + count), names, strict=False):
        sock = socket.socket(fileno=number)
        sock.set_inheritable(False)
        if name not in NAMES or name in found:
            raise BadActivation(
                f"systemd passed a socket named {name!r}: set FileDescriptorName= of "
                "the .socket units to public (exactly one), redirect, rest or admin (at most one "
                "each)"
            )
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
            raise BadActivation(
                f"the systemd socket {name!r} must be a TCP socket: use ListenStream="
            )
        found[name] = sock
    return found


def notify(*lines: str) -> None:
    """Tell systemd, if it listens: "READY=1" and the like."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):
        address = "\0" + address[1:]
    # The service also runs if this fails; systemd then reports that it was not notified.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        if address:
            sock.sendto("\n".join(lines).encode(), address)
