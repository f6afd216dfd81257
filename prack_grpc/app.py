"""For `uvicorn prack_grpc.app:app`: the public app; its lifespan brings up the private ports.

Settings come from PRACK_* variables; uvicorn's own flags rule the public port. Add
`--http prack_grpc.gateway.http.connection:Guard --no-server-header --no-date-header
--no-proxy-headers` to have what `prack serve` has.
"""

import os
import sys

from prack_grpc.composition import Service
from prack_grpc.gateway.app import PublicApp
from prack_grpc.settings import SettingsError, load

try:
    service = Service(load({}, os.environ))
except SettingsError as error:
    sys.exit("\n".join(f"prack: {problem}" for problem in error.problems))

app = PublicApp(service.lifespan)
