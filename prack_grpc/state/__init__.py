"""What is kept from one gateway to the next."""
