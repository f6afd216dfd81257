"""Files with secrets in them."""

import os
import stat

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
