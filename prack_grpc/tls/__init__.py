"""TLS on any port: certificates, handshakes, and what happens when the files change."""
