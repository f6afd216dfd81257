"""Fuzzing: `make fuzz` gives each target bytes that reach new lines, and looks what they break."""
