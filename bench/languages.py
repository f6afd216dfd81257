"""The smallest application of each library, as a worker: how it is made, and what starts it."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.processes import ROOT, StartFailed
from bench.tools import find

CLIENTS = ROOT / "clients"
BUILT = ROOT / "build" / "bench"
MAKE_SECONDS = 240.0  # where nothing is there yet
NODE = str(CLIENTS / "node" / "examples" / "hello.js")


def go() -> list[str]:
    """Raises StartFailed, as all of these do."""
    program = str(BUILT / "go-hello")
    _make("go/examples", "go", "build", "-buildvcs=false", "-o", program, "./hello")
    return [program]


def node() -> list[str]:
    """The library needs nothing but Node."""
    return ["node", str(CLIENTS / "node" / "bin" / "prack-node.js"), NODE]


def node_grpc() -> list[str]:
    """For gRPC it takes a package."""
    if not (CLIENTS / "node" / "node_modules" / "@grpc" / "grpc-js").exists():
        _make("node", "npm", "install", "--loglevel", "error")
    return node()


def node_beside() -> list[str]:
    """The same application as a server, with prack-worker beside it."""
    return [sys.executable, "-m", "prack_worker", "--", "node", NODE]


def ruby() -> list[str]:
    """Without the middleware of an environment."""
    library, app = CLIENTS / "ruby" / "lib", CLIENTS / "ruby" / "examples" / "hello.ru"
    return ["rackup", "-I", str(library), "-s", "prack", "-E", "none", str(app)]


def php() -> list[str]:
    """A PSR-15 handler."""
    return ["php", str(CLIENTS / "php" / "examples" / "hello.php")]


def java() -> list[str]:
    """What it needs of the library is compiled with it."""
    classes = str(BUILT / "java")
    app = "src/test/java/prack/worker/examples/Hello.java"
    _make("java", "javac", "-d", classes, "-sourcepath", "src/main/java", app)
    return ["java", "-cp", classes, "prack.worker.examples.Hello"]


def _make(folder: str, program: str, *arguments: str) -> None:
    """Run this in the folder of a client. Raises StartFailed."""
    done = subprocess.run(
        [str(find(program) or program), *arguments],
        cwd=CLIENTS / folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MAKE_SECONDS,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise StartFailed(f"`{program} {arguments[0]}` failed: {said}")


@dataclass(frozen=True)
class Language:
    """One way to serve; `over` is the scheme of the gateway's URL, `needs` a program."""

    about: str
    command: Callable[[], list[str]]
    over: str
    needs: str


LANGUAGES = {
    "go": Language("the Go library, over the plain carrier", go, "prack", "go"),
    "go-grpc": Language("the same over gRPC", go, "grpc", "go"),
    "node": Language("the Node library, over the plain carrier", node, "prack", "node"),
    "node-grpc": Language("the same over gRPC", node_grpc, "grpc", "npm"),
    "node-beside": Language(
        "a server in Node, prack-worker beside it", node_beside, "prack", "node"
    ),
    "ruby": Language("the Ruby library: raw REST, 8 threads", ruby, "http", "rackup"),
    "php": Language("the PHP library: raw REST, 8 processes", php, "http", "php"),
    "java": Language("the Java library: raw REST, 64 threads", java, "http", "javac"),
}
