"""The admin port: the page, its figures as JSON, metrics and health."""
