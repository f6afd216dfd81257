"""A token that others can read is said so, on both sides, and works all the same."""

from pathlib import Path

import pytest

from tests.acceptance.processes import Launcher, fetch


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o440, False), (0o644, True)])
def test_a_token_file_that_others_can_read(
    launch: Launcher, tmp_path: Path, mode: int, told: bool
) -> None:
    path = tmp_path / "token"
    path.write_text("t" * 32)
    path.chmod(mode)
    gateway = launch.gateway("--token-file", str(path))
    worker = launch.worker(gateway, "prack", "--token-file", str(path))
    assert fetch(gateway.port, "/run/1").status == 200
    remedy = f"others can read or change the token file {path}: run `chmod 600` on it"
    for process in (gateway, worker):
        assert any(remedy in line.replace("Others", "others") for line in process.lines) is told
