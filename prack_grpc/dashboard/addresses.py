"""Where clients and workers reach the gateway."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Where the public port is, and where workers dial in."""

    public: str
    api: str
    dial: str
