"""How gateways reach each other: links, and what finds the peers."""
