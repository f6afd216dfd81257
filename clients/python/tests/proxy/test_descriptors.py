"""The limit of open files, in a process of its own."""

import subprocess
import sys

import pytest

CODE = """
import logging, resource
from prack_worker.proxy.descriptors import make_room
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
make_room({wanted})
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "limit", "warned"),
    [
        (100, 500, 200, "264 500", ""),
        (100, 150, 200, "150 150", "ulimit -n is 150, and --slots and --websocket-slots may need"),
        (400, 500, 200, "400 500", ""),
    ],
)
def test_it_is_raised_as_far_as_needed(
    soft: int, hard: int, wanted: int, limit: str, warned: str
) -> None:
    code = CODE.format(soft=soft, hard=hard, wanted=wanted)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == limit
    assert done.stderr.startswith(warned)
    assert bool(done.stderr) == bool(warned)
