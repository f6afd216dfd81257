"""Other gateways: their workers as guests here, their requests on our workers, and tunnels."""
