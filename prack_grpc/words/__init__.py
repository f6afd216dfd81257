"""What operators have said to any gateway, and which of it counts."""
