"""The other gateways of one queue: asking them, and one answer for all."""
