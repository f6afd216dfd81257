"""An attack for the time of a round."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.acceptance.processes import PYTHON, Process

QUIET_SECONDS = 1.0  # of the canary alone, before an attack and after it


@contextmanager
def attacker(kind: str, ports: Sequence[int], tls: bool, ended: list[str]) -> Iterator[None]:
    """One that attacks; if it has `ended` by itself, its last words are told."""
    flags = ("tls",) if tls else ()
    process = Process(PYTHON, "-m", "attack.attacker", kind, *map(str, ports), *flags)
    try:
        process.line("attacking")
        yield
        if process.popen.poll() is not None:
            process.wait()  # for all that it wrote
            ended.append(process.lines[-1])
    finally:
        process.kill()
