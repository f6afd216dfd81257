"""A request on its way to the workers, and the response on its way back."""
