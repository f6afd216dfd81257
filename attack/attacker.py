"""One attack, until the process is killed.

python -m attack.attacker KIND PUBLIC API GRPC [tls]
"""

import os
import sys

from attack.kinds import KINDS
from attack.wire import TLS_PORTS, Target
from bench.processes import allow_many_files

if __name__ == "__main__":
    allow_many_files()
    # Attackers have machines of their own: whoever else wants a core of this one has it first.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    print("attacking", flush=True)
    target = Target(*map(int, sys.argv[2:5]))
    if "tls" in sys.argv:
        TLS_PORTS.add(target.public)
    KINDS[sys.argv[1]].run(target)
