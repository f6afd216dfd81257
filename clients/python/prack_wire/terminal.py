"""Text of others, on a terminal or in a log: it is shown, and steers nothing."""


def visible(value: object) -> str:
    """The text, with an escape for each character that cannot be seen, line ends among them."""
    return "".join(c if c.isprintable() else _escape(c) for c in str(value))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
