"""How the process of a gateway ends."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from prack_grpc.process import ended
print("said")
atexit.register(print, "cleaned up")
threading.Thread(target=threading.Event().wait, daemon=True).start() if sys.argv[1:] else None
sys.exit(ended(3))
"""


@pytest.mark.parametrize(
    ("words", "said"), [((), b"said\ncleaned up\n"), (("thread",), b"said\n")], ids=["", "thread"]
)
def test_nothing_is_cleaned_up_while_a_thread_goes_on(words: tuple[str, ...], said: bytes) -> None:
    command = (sys.executable, "-c", PROGRAM, *words)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (3, said)
