"""The commands of `prack`."""
