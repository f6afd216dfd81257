"""The original's JSON: requests as Rack environments, answers as objects."""
