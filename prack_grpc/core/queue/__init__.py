"""Who waits, who is free, and who is next."""
