"""Streams over gRPC, whose library is loaded only for its port (decision 0048)."""

import os

# Before gRPC is imported, which looks at it only then. Its newer listener hands each message
# through a pool of threads; with the older one, who waits for a message reads it (decision 0040).
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
