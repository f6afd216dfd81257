"""Simulates gateways that lend each other slots, of any number; by default 16 machines with 8
processes each, 1,000 workers, and 100,000 requests a second.
"""

import argparse
import json

from bench.lending.world import Case
from bench.measurements.lending import figures


def main() -> None:
    """Print what came of it as a line of JSON."""
    parser = argparse.ArgumentParser("python -m bench.lending", description=__doc__)
    add = parser.add_argument
    add("--gateways", type=int, default=128)
    add("--workers", type=int, default=1000)
    add("--slots", type=int, default=4, help="of each worker")
    add("--load", type=float, default=0.6125, help="the part of all slots that is busy")
    add(
        "--skew", type=float, default=0.0, help="the part of the requests that comes to one gateway"
    )
    add("--requests", type=int, default=200_000)
    options = parser.parse_args()
    print(json.dumps(figures(Case(**vars(options)))))


if __name__ == "__main__":
    main()
