"""The command `prack-worker`."""
