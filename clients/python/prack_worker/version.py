"""The version of this distribution; its own module, so that every other may import it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("prack-worker")
except PackageNotFoundError:  # run from a source tree that was not installed
    VERSION = "0"
