"""Forms of Django, which take only what its own page sends."""

import re

import httpx2

# What is new on each visit: tokens, sessions, the signatures of messages.
VARYING = (
    r"(?<=csrftoken=)\w+",
    r"(?<=sessionid=)\w+",
    r"(?<=messages=)[^;]+",
    r'(?<=value=")\w{64}',
)


def form_token(client: httpx2.Client, target: str = "/") -> dict[str, str]:
    """The hidden field of the form at this place; its cookie goes to the client."""
    page = client.get(target).text
    found = re.search(r'name="(csrfmiddlewaretoken)" value="(\w+)"', page)
    assert found, page
    return {found[1]: found[2]}
