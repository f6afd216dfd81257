"""The private HTTP ports are called by their OpenAPI descriptions, with right and wrong input.

No answer may be a mistake of ours, have a status that is not described, or not fit its schema.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.acceptance.processes import Gateway, launching

PORTS = ("api", "admin")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
CASES = re.compile(r"\d+ generated.*")
ENDLESS = "/api/v1/events"  # a stream of events
HOOKS = Path(__file__).with_name("hooks.py")
LAST_SECONDS = 60  # more than what was asked for


def conforms(port: str, seconds: int) -> bool:
    """Call a gateway of our own for so long; False, and a report, if something does not fit."""
    with tempfile.TemporaryDirectory() as folder, launching(Path(folder)) as launcher:
        gateway = launcher.gateway("--log-format", "json", "--log-level", "info")
        done = _call(gateway, port, seconds, folder)
    cases = CASES.search(done.stdout)
    print(f"OpenAPI description, {port} port: {cases[0] if cases else 'no calls'}", flush=True)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    return not done.returncode


def _call(
    gateway: Gateway, port: str, seconds: int, folder: str
) -> subprocess.CompletedProcess[str]:
    number = gateway.api_port if port == "api" else gateway.admin_port
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://127.0.0.1:{number}/openapi.json",
        *("--checks", ",".join(CHECKS), "--exclude-path", ENDLESS),
        *("--phases", "examples,coverage,fuzzing", "--max-time", str(seconds)),
        *("--header", "X-Prack-Request: 1", "--request-timeout", "70"),
        *("--continue-on-failure", "--no-color", "--generation-database", "none"),
    ]
    ports = {"PUBLIC_PORT": str(gateway.port), "API_PORT": str(gateway.api_port)}
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **ports, "SCHEMATHESIS_HOOKS": str(HOOKS)},
        capture_output=True,
        text=True,
        timeout=seconds + LAST_SECONDS,
    )
