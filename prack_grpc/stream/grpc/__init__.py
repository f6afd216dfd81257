"""Streams over gRPC, which is HTTP/2 with messages: on our own event loop (decision 0065)."""
