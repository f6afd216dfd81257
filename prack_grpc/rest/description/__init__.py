"""The OpenAPI description of the worker API, and the pages that show it."""
