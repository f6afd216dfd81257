"""The command `prack conformance`."""
