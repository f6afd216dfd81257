"""Names of exchanges: nobody can guess one, and none comes twice."""

import secrets

SIZE = 16  # bytes; the name has two hexadecimal digits for each
BATCH = 64  # names for one system call, which takes longer than the rest


class Identifiers:
    """Hands out names of 32 hexadecimal digits."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def next(self) -> str:
        """A new name."""
        if not self._names:
            digits = secrets.token_hex(SIZE * BATCH)
            self._names = [digits[at : at + 2 * SIZE] for at in range(0, len(digits), 2 * SIZE)]
        return self._names.pop()
