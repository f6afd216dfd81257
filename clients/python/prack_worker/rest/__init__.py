"""The way to a gateway over its REST API."""
