"""WebSockets: RFC 6455 with the client, events with the workers."""
