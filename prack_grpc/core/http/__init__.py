"""What crosses the gateway: requests, responses, and the rules for their fields."""
