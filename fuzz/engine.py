"""Runs one target under Atheris: `python -m fuzz.engine TARGET`, then libFuzzer's options."""

import sys

import atheris

from fuzz.replay import target

if __name__ == "__main__":
    with atheris.instrument_imports(include=["prack_grpc", "prack_wire"]):
        one = target(sys.argv[1])
    atheris.Setup(sys.argv[1:], one)
    atheris.Fuzz()
