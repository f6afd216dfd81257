"""What can be set when a gateway starts."""
