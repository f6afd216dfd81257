"""A gateway that is up."""

from dataclasses import dataclass

from prack_grpc.admin import Admin
from prack_grpc.broker.seam import Broker
from prack_grpc.gateway.app import Endpoint
from prack_grpc.handover.sharing import Sharing
from prack_grpc.listener import Listener
from prack_grpc.private.late import LateApp
from prack_grpc.private.operators.steering import Steering
from prack_grpc.rest.polls import Polls
from prack_grpc.stream.grpc.port import GrpcPort


@dataclass(frozen=True, slots=True)
class Running:
    """The parts of a gateway that is up, and the ports of the worker API that it got."""

    broker: Broker
    steering: Steering
    endpoint: Endpoint
    polls: Polls
    workers: LateApp
    rest: Listener
    stream: GrpcPort
    admin: Admin
    sharing: Sharing
    api_port: int
    grpc_port: int

    def connected(self) -> int:
        """How many connections of workers there are, and streams."""
        return self.rest.connected + self.stream.connected
