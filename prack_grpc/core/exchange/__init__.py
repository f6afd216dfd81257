"""The life of an exchange: its two halves, and the worker's session that holds one of them."""
