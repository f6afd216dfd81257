"""Escaping of text that came from the network, for terminals and logs."""


def visible(value: object) -> str:
    """The text with all unprintable characters escaped, line ends among them."""
    return "".join(c if c.isprintable() else _escape(c) for c in str(value))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
