"""Gateways that lend each other slots, with the real core, and no sockets and no clock of their own."""
