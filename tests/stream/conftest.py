"""Each test of the protocol runs over each of its carriers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.conftest import Gateway
from tests.support import plain_worker, scripted_worker
from tests.support.scripted_worker import ScriptedWorker

Connect = Callable[[Gateway], AbstractAsyncContextManager[ScriptedWorker]]


@pytest.fixture(params=["grpc", "plain"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens streams without a hello."""
    if request.param == "grpc":
        return lambda gateway: scripted_worker.connect(gateway.grpc_port)
    return lambda gateway: plain_worker.connect(gateway.api_port)
