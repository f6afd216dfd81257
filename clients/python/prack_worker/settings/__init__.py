"""What the command line, the environment and the defaults say a worker is to be."""
