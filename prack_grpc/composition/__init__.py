"""The composition root: what is built from what, and the order of start and stop."""
