"""What operators do, at all gateways."""
