"""The public port: every HTTP request in, the worker's response out."""
