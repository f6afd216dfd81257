"""The way to a gateway over a stream of frames."""
