"""How the gateway is, at one look."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from prack_grpc.dashboard.sentences import Sentence, sentences
from prack_grpc.telemetry.books.histogram import Share
from prack_grpc.telemetry.books.history import Waits
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.private.health import Health

