"""The two gateways of the tests of lending."""

from typing import Any

from bench.lending.link import End
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.lending.lending import Lending
from tests.core.lending.mesh import Mesh


class Two:
    """An owner without workers, and a host with one that has so many slots."""

    def __init__(self, slots: int = 1, lending: type[Lending] = Lending, **about: Any) -> None:
        self.mesh = Mesh(2, HandOut, lending)
        self.owner, self.host = self.mesh.gateways
        self.worker = self.mesh.join(self.host, slots, **about)
        self.mesh.deliver_all()

    @property
    def to_owner(self) -> End:
        return self.mesh.links[self.owner, self.host][1]

    @property
    def guest(self) -> Session:
        (guest,) = self.owner.guests
        return guest

    @property
    def stopped(self) -> bool:
        """The host, once it drains."""
        return self.host.lending.is_idle(self.host.now())

    def relayed(self, method: bytes = b"GET") -> tuple[Exchange, Lease]:
        """A request of the owner's client, in the hands of the host's worker."""
        exchange = self.mesh.submit(self.owner, method)
        self.mesh.deliver_all()
        return exchange, self.host.leases[-1]
