"""One attack, until the process is killed: `python -m attack.attacker KIND PORTS`."""

import sys

from attack.kinds import KINDS
from attack.wire import Target
from bench.processes import allow_many_files

if __name__ == "__main__":
    allow_many_files()
    print("attacking", flush=True)
    KINDS[sys.argv[1]].run(Target(*map(int, sys.argv[2:5])))
