"""What goes on between event loops and threads."""
