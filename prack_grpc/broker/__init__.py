"""Where exchanges wait for workers."""
