"""What there is to see of the links to other gateways."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """What one peer has of this gateway, and this gateway of it.

    `lent` slots are set aside for it or busy with its requests, and it `wanted` so many when it
    last said so; `borrowed` ones are of its workers, and we have told it that `wants` wait here.
    """

    gateway: str
    lent: int
    wanted: int
    borrowed: int
    wants: int
