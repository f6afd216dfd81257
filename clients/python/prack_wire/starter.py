"""How `prack dev` is seen by the worker that it has started."""

# The variable holds a descriptor that ends with the starter, however it ends: then the worker ends,
# too. And the name of the worker, for its lines.
STARTER = "PRACK_STARTER"
