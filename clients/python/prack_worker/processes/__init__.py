"""Several processes of one application: a supervisor, and how it and they see each other."""
