"""Tests of WebSockets and REST workers at a single gateway, over two linked ones."""

from tests.gateway.websocket.test_batches import *  # noqa: F403

del test_what_a_lost_client_said_comes_before_its_end  # noqa: F821 - its log names the worker
del test_a_stream_goes_before_batches  # noqa: F821 - rough across gateways: what is lent first
del test_an_answer_that_is_no_events_is_an_internal_error  # noqa: F821 - its log is seldom written
