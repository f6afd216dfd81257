"""Several processes behind the same ports: a supervisor, and how it and they see each other."""
