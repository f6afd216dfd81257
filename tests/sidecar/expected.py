"""What may be different between a server by itself and one with a worker beside it.

The bytes of requests and of bodies, status, fields, their order and trailers are not in this table.
"""

from tests.differential.difference import Difference
from tests.differential.facts import Deviation

D = Difference
HOP = "it is about one hop only, and Prack's connection with the client is its own"
WHOLE = "a response that is complete when it leaves the worker gets the length of its body"
EXPECTED = (
    D("*", "header x-request-id", "'[0-9a-f]{32}'", "each request has an id"),
    D("*", "header date", "'<now>'", "each response has a Date; puma gives none", "-"),
    D("*", "own order", ".*", "the server's own fields stay in their place"),
    D("*", "header connection", "-", HOP),
    D("*", "header keep-alive", "-", HOP),
    D("*", "header trailer", "-", HOP),
    D("*", "connection", "keep", HOP, "close"),
    D("*", "framing", "length", WHOLE, "chunked"),
    D("*", "header content-length", "'<of the body>'", WHOLE, "-"),
    D("*", "header transfer-encoding", "-", WHOLE, "'chunked'"),
    D("php", "framing", "chunked", "PHP closes its connection to end a body", "end"),
    D("php", "header transfer-encoding", "'chunked'", "as above", "-"),
    D("php", "messages", r"[24]", "PHP closes its connection after each response", "[01]"),
    D(
        "php",
        "interim",
        r"\[\(100, \[\]\)\]",
        "PHP does not know Expect: it is waited for a second",
    ),
    D("go", "messages", "1", "where Go closes without an answer, clients get 502", "0"),
)


def is_expected(program: str, deviation: Deviation) -> bool:
    """Whether it is in the table."""
    return any(difference.explains(program, deviation) for difference in EXPECTED)
