"""`prack top`: what the page shows, in a terminal."""
