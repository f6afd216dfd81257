"""What is written about requests, and in which form."""
