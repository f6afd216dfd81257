"""Files with secrets in them."""

import errno
import os
import stat
import tempfile
from pathlib import Path

REMEDY = "Others can read or change the token file %s: run `chmod 600` on it"
KEY_REMEDY = "Others can read or change the key %s: run `chmod 600` on it"
# Not the group's reading: systemd's credentials show their access list there.
OF_OTHERS = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP


def is_open_to_others(path: str | os.PathLike[str]) -> bool:
    """Whether other users can read or change this file; not if it cannot be looked at."""
    try:
        return bool(os.stat(path).st_mode & OF_OTHERS)
    except OSError:
        return False


class Untrusted(Exception):
    """Another user could have written this file; the message says what to do."""


def read(path: Path) -> str:
    """The text of a file that only its user or root can have written.

    Raises OSError, Untrusted, and ValueError for what is no text.
    """
    try:
        # O_NONBLOCK: opening a FIFO would wait for a writer.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Untrusted(f"{path} is a symbolic link: name the file itself") from None
        raise
    with os.fdopen(number, encoding="utf-8") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise Untrusted(f"{path} is not a file: name one")
        if about.st_uid not in (0, os.geteuid()):
            raise Untrusted(f"{path} belongs to another user ({about.st_uid}): move it away")
        if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Untrusted(
                f"other users can change {path}: look at it, then run `chmod 600` on it"
            )
        return file.read()


def write(path: Path, text: str) -> None:
    """Write a file for its user only, so that there is a whole one at every moment.

    The text goes to a new file with an unpredictable name, which then replaces the old one. So a
    link that another user has planted is neither followed nor kept. Raises OSError.
    """
    number, part = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:  # 0600
            file.write(text)
            file.flush()
            os.fsync(number)  # or a power cut could leave an empty file
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
