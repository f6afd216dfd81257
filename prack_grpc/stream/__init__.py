"""The gRPC worker API: one bidirectional stream a worker, see proto/README.md."""
