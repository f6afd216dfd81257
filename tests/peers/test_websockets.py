"""Tests of WebSockets at a single gateway, over two: between client and worker there is a link."""

from tests.gateway.websocket.test_exchange import *  # noqa: F403
from tests.gateway.websocket.test_tunnel import *  # noqa: F403

# It stops the owner; over the link that is a client that leaves.
del test_a_gateway_that_stops_goes_away  # noqa: F821
