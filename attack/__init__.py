"""Attacks on a gateway, each beside a normal client that must not notice: `python -m attack`."""
