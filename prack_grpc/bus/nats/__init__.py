"""Gateways on many machines, over NATS. It takes the extra `nats`."""
