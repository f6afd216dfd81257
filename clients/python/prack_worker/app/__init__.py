"""Finding the application, and how it is called."""
