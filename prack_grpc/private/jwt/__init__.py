"""Tokens of an issuer elsewhere (RFC 7519): which are trusted, and whom they name."""
