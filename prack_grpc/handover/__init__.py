"""How one gateway process replaces another without refusing a connection."""
