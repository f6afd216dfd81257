"""Development: the application starts anew when its files change."""
