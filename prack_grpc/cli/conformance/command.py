"""The command `prack conformance` (docs/conformance.md)."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from prack_grpc.cli.conformance.report import Json, Lines, Report, Tap, show_cases
from prack_grpc.cli.seconds import seconds
from prack_grpc.cli.terminal import say
from prack_grpc.conformance.case import Case, Catalogue, Terms
from prack_grpc.conformance.certificates import Certificates
from prack_grpc.conformance.run import ADVISED, FAILED, Result, Run
from prack_grpc.conformance.trial import Trial
from prack_grpc.conformance.worker import NotStarted

TRANSPORTS = ("prack", "grpc", "rest")
ABOUT = """\
Starts a worker of yours, plays the gateway that it dials, and says which rule of the protocol it
breaks. The worker serves the application that docs/conformance.md describes, in 4 slots or more.
"""
EXAMPLES = """\
examples:
  prack conformance prack -- ./my-worker --gateway {gateway}
  prack conformance grpc -k drain -- ./my-worker --gateway {gateway}
  prack conformance rest --without tls -- node worker.mjs {gateway}
  prack conformance prack --list
  prack conformance prack -- \\
      prack-worker prack_grpc.conformance.app:app --gateway {gateway}

{gateway} is replaced by the URL to dial. The worker also finds it in PRACK_GATEWAY, its token in
PRACK_TOKEN, and for TLS the authority to trust, a PEM file, in PRACK_TLS_CA. What it prints is
shown with each case that fails. The output is TAP, or lines for people on a terminal.

exit status: 0 all cases passed or were skipped, 1 a case failed or the worker did not start, 2
wrong usage, 130 or 143 interrupted. Advice (SHOULD) that a worker does not follow is told, and
fails it with --strict only.
"""
SHORTEST, LONGEST = 0.1, 60.0  # seconds to wait for a worker
MOST_JOBS = 64

Try = Callable[[str, Sequence[str], Terms, Certificates, float], AbstractAsyncContextManager[Trial]]


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns its exit status."""
    own, command = _split(arguments)
    parser = _parser()
    options = parser.parse_args(own)
    catalogue, begin = _kit(options.transport)
    known = catalogue.capabilities()
    without = [name for word in options.without for name in word.split(",")]
    for name in without:
        if name not in known:
            parser.error(f"--without {name}: expected one of {', '.join(known)}")
    cases = [case for case in catalogue.of(options.transport) if options.k in case.name]
    if not cases:
        parser.error(f"-k {options.k}: no case has this in its name; see --list")
    if options.list:
        show_cases(catalogue, cases)
        return 0
    if not command:
        parser.error("expected -- and the command of a worker, such as -- ./my-worker {gateway}")
    report = _report(options, catalogue, len(cases))
    try:
        return asyncio.run(_run(cases, begin, command, without, options, report))
    except NotStarted as error:
        for line in str(error).splitlines():
            say(f"prack: {line}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _interrupted(signal.SIGINT)
    except asyncio.CancelledError:
        return _interrupted(signal.SIGTERM)


def _interrupted(number: signal.Signals) -> int:
    say("prack: interrupted; the cases that are not listed were not tried", sys.stderr)
    return 128 + number


async def _run(
    cases: Sequence[Case],
    begin: Try,
    command: Sequence[str],
    without: Sequence[str],
    options: argparse.Namespace,
    report: Report,
) -> int:
    """Raises NotStarted, and CancelledError for a signal; then no worker is left."""
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    failed = 0

    def tell(result: Result) -> None:
        nonlocal failed
        failed += result.outcome is FAILED or (options.strict and result.outcome is ADVISED)
        report.tell(result)
        sys.stdout.flush()  # who reads a pipe wants to see how far it is

    with TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder))

        def trial(terms: Terms) -> AbstractAsyncContextManager[Trial]:
            return begin(options.transport, command, terms, certificates, options.timeout)

        await Run(cases, trial, without, options.jobs).run(tell)
    report.end()
    return 1 if failed else 0


def _kit(transport: str) -> tuple[Catalogue, Try]:
    """Imported only here, as gRPC takes its time."""
    if transport == "rest":
        from prack_grpc.conformance.rest import cases as rest_cases
        from prack_grpc.conformance.rest import trial as rest_trial

        return rest_cases.CATALOGUE, rest_trial.trying
    from prack_grpc.conformance.stream import cases, trial

    return cases.CATALOGUE, trial.trying


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own words, and the command behind the first "--"."""
    words = list(arguments)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _report(options: argparse.Namespace, catalogue: Catalogue, count: int) -> Report:
    if options.json:
        return Json(options.transport, catalogue.document)
    if options.tap or not sys.stdout.isatty():
        return Tap(catalogue.document, count)
    return Lines(catalogue.document)


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_JOBS} (got {text!r})")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prack conformance",
        usage="prack conformance TRANSPORT [options] -- COMMAND...",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = ", ".join(TRANSPORTS)
    parser.add_argument("transport", choices=TRANSPORTS, metavar="TRANSPORT", help=names)
    parser.add_argument("-k", default="", metavar="TEXT", help="only cases with this in their name")
    parser.add_argument("--list", action="store_true", help="print the cases of each rule, and end")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    parser.add_argument("--tap", action="store_true", help="print TAP on a terminal, too")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="what the worker cannot do: its cases are skipped, and counted at the end; may be "
        "repeated",
    )
    parser.add_argument(
        "--strict", action="store_true", help="advice (SHOULD) counts as well as rules (MUST)"
    )
    parser.add_argument(
        "--timeout",
        type=seconds(SHORTEST, LONGEST),
        default=7.0,
        metavar="SECONDS",
        help="how long to wait for what the worker has to do next (default 7)",
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=4,
        metavar="N",
        help="workers at a time, beside the one that most cases share (default 4)",
    )
    return parser
