"""The command `prack dev`."""
