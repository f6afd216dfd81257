"""The kit's side of the REST worker API (docs/rest.md)."""
