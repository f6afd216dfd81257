"""What a client prefers: `respond-async` of RFC 7240."""

import re
from collections.abc import Iterator

from prack_grpc.core.http.message import Headers

# A preference or one of its parameters, with what ends it. Values that should be quoted and are
# not, such as URLs, are taken.
PART = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    rb"(?:=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]+))[ \t]*)?(;|,|$)"
)
ESCAPED = re.compile(rb"\\(.)")
RESPOND_ASYNC = b"respond-async"

Parameters = dict[bytes, bytes]


def respond_async(headers: Headers) -> Parameters | None:
    """The parameters of this preference by their names in lower case; None without it.

    The first of a name counts (section 2). What cannot be parsed is no preference.
    """
    for name, value in headers:
        if name == b"prefer":
            for preference, parameters in _preferences(value):
                if preference == RESPOND_ASYNC:
                    return parameters
    return None


def _preferences(value: bytes) -> Iterator[tuple[bytes, Parameters]]:
    at, end = 0, b","
    preference, parameters = b"", Parameters()
    while end and (match := PART.match(value, at)):
        name, quoted, plain, end = match.groups()
        if not preference:
            preference = name.lower()
        else:
            parameters.setdefault(name.lower(), plain or ESCAPED.sub(rb"\1", quoted or b""))
        if end != b";":
            yield preference, parameters
            preference, parameters = b"", Parameters()
        at = match.end()
