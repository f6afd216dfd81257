"""The examples of deploy/cluster name flags that exist."""

import re
from pathlib import Path

import pytest

from prack_grpc.settings.loading import flag
from prack_grpc.settings.settings import Settings
from prack_worker.settings.options import OPTIONS
from tests.docs.pages import ROOT

FILES = sorted(ROOT.glob("deploy/cluster/*.yaml"))
KNOWN = {flag(name) for name in Settings.model_fields} | {flag(one.name) for one in OPTIONS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_flags_exist(file: Path) -> None:
    used = set(re.findall(r"^ *- (--[a-z-]+)=", file.read_text(), re.MULTILINE))
    assert len(used) > 5
    assert used <= KNOWN
