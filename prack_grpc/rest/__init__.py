"""The REST worker API: poll, answer, and both in one round trip. See docs/rest.md."""
