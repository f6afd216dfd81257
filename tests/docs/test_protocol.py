"""The rules of the protocol have numbers that stay, so that a conformance test can name them."""

import re

from tests.docs.pages import page

RULE = re.compile(r"^(\d+)\.(\d+) ", re.MULTILINE)
SECTION = re.compile(r"^## (?:(\d+)\. )?", re.MULTILINE)
DUTY = re.compile(r"\b(?:MUST|SHOULD|MAY)\b")


def sections() -> dict[int, str]:
    """The text of each numbered section."""
    _, *parts = SECTION.split(page("proto/README.md"))
    numbers, texts = parts[::2], parts[1::2]
    return {
        int(number): text for number, text in zip(numbers, texts, strict=True) if number is not None
    }


def test_the_rules_of_a_section_are_counted() -> None:
    for number, text in sections().items():
        found = RULE.findall(text)
        assert found == [(str(number), str(index + 1)) for index in range(len(found))]


def test_every_duty_belongs_to_a_rule() -> None:
    loose = [
        paragraph
        for text in sections().values()
        for paragraph in RULE.split(text)[:1]
        if DUTY.search(paragraph)
    ]
    assert loose == []
