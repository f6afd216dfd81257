"""Gateways that lend each other slots: the real core, without sockets, in virtual time."""
