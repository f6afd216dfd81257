"""The last word of each thing."""

from prack_grpc.words.word import About, Revision, Word


class Table:
    """All that was said and counts; what was taken back, too, as one that was away may not know.

    Of more than `most` the oldest is forgotten, one that was taken back if there is one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._words: dict[About, Word] = {}

    def words(self) -> list[Word]:
        """All of them, those of before first."""
        return sorted(self._words.values(), key=lambda word: word.revision)

    def hear(self, word: Word) -> bool:
        """Whether it counts: nothing later was said of the same thing."""
        known = self._words.get(word.about)
        if known is not None and known.revision >= word.revision:
            return False
        self._words[word.about] = word
        if len(self._words) > self._most:
            first = min(self._words.values(), key=lambda one: (one.said is not None, one.revision))
            del self._words[first.about]
        return True

    def next(self, gateway: str) -> Revision:
        """That of a word which is said now, here."""
        return max((word.revision[0] for word in self._words.values()), default=0) + 1, gateway
