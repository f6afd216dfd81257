"""What a gateway's workers serve, as it crosses a link."""

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.queue.routes import Route


def offer_message(number: int, offer: Offer) -> link.Offer:
    """An offer of ours."""
    return link.Offer(
        number=number,
        routes=[
            pb.Route(host=one.host, path=one.path, methods=sorted(one.methods))
            for one in offer.routes
        ],
        service=offer.service,
        version=offer.version,
        kinds=[link.Kind.ValueType(kind.value) for kind in offer.kinds],
        tier=offer.tier,
        tunnel=offer.tunnel,
        whole=offer.whole,
    )


def read_offer(message: link.Offer) -> Offer:
    """An offer of a peer, but for kinds that only a later version knows. Raises BadRoute."""
    return Offer(
        tuple(Route.of(one.host, one.path, list(one.methods)) for one in message.routes),
        message.service,
        message.version,
        tuple(kind for kind in Kind if kind.value in message.kinds),
        message.tier,
        message.tunnel,
        message.whole,
    )
