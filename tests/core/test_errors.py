import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError, PrackError

# RFC 9209, section 2.3.
PROXY_ERRORS = {
    "connection_limit_reached",
    "destination_unavailable",
    "http_response_incomplete",
    "http_protocol_error",
    "http_response_timeout",
    "http_request_denied",
    "http_request_error",
    "http_upgrade_failed",
    "proxy_internal_error",
}


def test_all_lists_every_kind_once() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, ErrorKind)}
    assert set(errors.ALL) == kinds
    assert len(errors.ALL) == len({kind.code for kind in errors.ALL})


@pytest.mark.parametrize("kind", errors.ALL, ids=lambda kind: kind.code)
def test_trying_again_is_advised_exactly_where_nothing_was_started(kind: ErrorKind) -> None:
    assert (kind.retry_after > 0) is (kind.status in (429, 503))


@pytest.mark.parametrize("kind", errors.ALL, ids=lambda kind: kind.code)
def test_every_kind_has_a_registered_proxy_error(kind: ErrorKind) -> None:
    assert kind.proxy_error in PROXY_ERRORS


def test_an_error_without_a_detail_has_the_title_of_its_kind() -> None:
    assert GatewayError(errors.DRAINING).detail == errors.DRAINING.title
    assert GatewayError(errors.DRAINING, "soon").detail == "soon"


def test_all_errors_have_one_root() -> None:
    raised = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert all(issubclass(error, PrackError) for error in raised)
