"""What the ports that are not public have in common: who may call, and how they answer."""
