"""Jobs in JetStream: for gateways on many machines."""
