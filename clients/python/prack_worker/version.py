"""The version of this distribution; its own module, so that every other may import it.

Written down: to look it up would be a sixth of what a worker loads.
"""

VERSION = "0.1.0"
