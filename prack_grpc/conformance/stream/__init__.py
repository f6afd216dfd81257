"""The kit's side of a stream of frames (proto/README.md)."""
