"""Certificates from an authority, by ACME (RFC 8555): when, how, and where they are kept."""
