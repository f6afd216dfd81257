"""One attack, until the process is killed.

python -m attack.attacker KIND PUBLIC API GRPC [tls]
"""

import sys

from attack.cores import give_way
from attack.kinds import KINDS
from attack.wire import TLS_PORTS, Target
from bench.processes import allow_many_files

if __name__ == "__main__":
    allow_many_files()
    give_way()
    print("attacking", flush=True)
    target = Target(*map(int, sys.argv[2:5]))
    if "tls" in sys.argv:
        TLS_PORTS.add(target.public)
    KINDS[sys.argv[1]].run(target)
