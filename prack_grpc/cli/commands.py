"""What can be commanded, in words. It imports nothing: `prack --help` is there at once."""

USAGE_ERROR = 2  # the exit status

OPERATING = {
    "workers": "list the workers and what they hold",
    "routes": "list the routes and what waits for them",
    "queue": "show the queue: waiting, being answered, and done requests",
    "gateways": "list the gateways of one queue, with their links and loans",
    "versions": "list the versions: active, draining, or drained and safe to stop",
    "traffic": "show or split the traffic of a service: prack traffic web v2=10 v1=90",
    "drain": "send no new requests to a worker, or a version: prack drain web v1",
    "resume": "undo a drain",
}
COMMANDS = {
    "serve": "start the gateway (also what `prack` does without a command)",
    "dev": "serve an application while you write it: prack dev main:app",
    "healthcheck": "exit 0 if the gateway on this machine is ready, 1 if not",
    "top": "watch what the gateway does, in this terminal",
    "dead": "list, show, send again or drop dead letters: prack dead again --all",
    "upgrade": "replace the running gateway by a new process, without refusing a connection",
    "token": "make, list and revoke tokens in a credentials file: prack token new --help",
    "conformance": "check a worker against the protocol: "
    "prack conformance prack -- ./my-worker {gateway}",
    "version": "print the version",
    **OPERATING,
}
ABOUT = """\
Prack is a reverse-pull web gateway: requests to its public port wait in one queue. Your app
servers ("workers") connect to a private port and pull a request when they have a free slot.

  prack dev main:app                       start both while you develop
  prack serve                              start the gateway
  prack-worker mysite.wsgi:application     serve a Django or Flask app through it
  prack-worker main:app                    serve a FastAPI or Starlette app through it
  curl http://127.0.0.1:4242/api/v1/request           take a request with curl
"""
