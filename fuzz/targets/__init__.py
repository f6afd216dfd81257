"""One target a file: `one` takes bytes, and raises for what must not happen."""
