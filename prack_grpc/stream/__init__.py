"""Workers with a stream: frames over gRPC and plain connections (proto/README.md)."""
