"""Which free slots of one gateway's workers serve the requests of another gateway's clients."""
