"""Until when the ports can show their certificates, and whether an authority renews them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certified:
    """How certificates are now.

    Args:
        ends: of each port that has one, when the first of its certificates ends, in Unix time.
        failures: orders that have failed since the gateway started; None without an authority.
        warnings: what will be wrong if nobody does anything.
    """

    ends: dict[str, float]
    failures: int | None
    warnings: list[str]
