"""Numbers as people read them."""

import pytest

from prack_grpc.cli.top import figures


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (figures.span(None), "-"),
        (figures.span(0.00123), "1.23 ms"),
        (figures.span(0.9996), "1.00 s"),
        (figures.span(59.94), "59.9 s"),
        (figures.span(61), "1 min 1 s"),
        (figures.span(7260), "2 h 1 min"),
        (figures.span(90000), "1 d 1 h"),
        (figures.rate(None), "-"),
        (figures.rate(1234.5), "1,234/s"),
        (figures.share(0), "0 %"),
        (figures.share(0.0001), "<0.1 %"),
        (figures.share(0.012), "1.2 %"),
        (figures.share(0.5), "50 %"),
        (figures.share(0.9999), ">99.9 %"),
        (figures.share(1), "100 %"),
        (figures.size(0), "0 B"),
        (figures.size(1536), "1.50 KiB"),
        (figures.size(1024**5), "1,024 TiB"),
        (figures.ago(None, 5.0), "-"),
        (figures.ago(4.9, 5.0), "now"),
        (figures.ago(2.0, 5.0), "3 s ago"),
    ],
)
def test_figures_are_told_as_on_the_page(told: str, text: str) -> None:
    assert told == text
