"""Tests of a single gateway, over two: between client and worker there is a link.

Left out is what looks into the one gateway, or asks for a worker's name in a log.
"""

from tests.gateway.test_public import *  # noqa: F403
from tests.gateway.websocket.test_batches import *  # noqa: F403
from tests.gateway.websocket.test_exchange import *  # noqa: F403
from tests.gateway.websocket.test_tunnel import *  # noqa: F403
from tests.stream.test_exchange import *  # noqa: F403
from tests.stream.test_frames import *  # noqa: F403
from tests.stream.test_redelivery import *  # noqa: F403
