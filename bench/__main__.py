"""Compares Prack with what people use today, side by side in one run."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import report
from bench.apps import APPS
from bench.contenders import CONTENDERS, DEFAULT, Running, started
from bench.load import measure
from bench.processes import StartFailed
from bench.tools import provide

ABOUT = """\
Compares Prack with direct uvicorn and with nginx in front of uvicorn: requests a second, latency
and CPU time, at several numbers of connections. All contenders are up for the whole run, and take
turns under load, so that a busy moment of the machine hits all alike; look at the ratios first.
"""
EXAMPLES = """\
examples:
  make bench                                        everything, about three minutes
  make bench ARGS="--app json --out json.md"        a FastAPI application; keep the report
  python -m bench --seconds 2 --rounds 1            a first look
  python -m bench --only nginx,prack-grpc --connections 32 --rounds 9   one question, answered well

exit status: 0 all went well, 1 a contender had errors or did not start, 2 wrong usage, 130 Ctrl-C
"""
WARM_UP_SECONDS = 1
LONGEST_SECONDS = 3600


def main() -> int:
    """Run the benchmark; returns its exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except KeyboardInterrupt:
        _say("stopped")
        return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--seconds", type=_positive, default=4, help="length of one sample (default: 4)")
    add("--rounds", type=_positive, default=3, help="samples of each kind (default: 3)")
    add(
        "--connections",
        type=_counts,
        default=[1, 32, 256],
        metavar="N,N",
        help="how many clients at a time (default: 1,32,256)",
    )
    known = ",".join(CONTENDERS)
    add("--only", type=_names, default=list(DEFAULT), metavar="NAME,NAME", help=f"of {known}")
    apps = ", ".join(f"{name}: {about}" for name, about in APPS.items())
    add("--app", choices=APPS, default="hello", help=f"{apps} (default: hello)")
    add("--out", type=Path, metavar="FILE.md", help="write the report there as well")
    options = parser.parse_args()
    samples = options.rounds * len(options.connections) * len(options.only)
    if samples * options.seconds > LONGEST_SECONDS:
        parser.error(f"that would take more than {LONGEST_SECONDS} s")
    return options


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _counts(text: str) -> list[int]:
    return sorted({_positive(part) for part in text.split(",")})


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in CONTENDERS:
            known = ", ".join(CONTENDERS)
            raise argparse.ArgumentTypeError(f"there is no contender {name}, only {known}")
    return [name for name in CONTENDERS if name in names]


def _run(options: argparse.Namespace) -> int:
    if missing := provide("wrk"):
        _say(f"{missing}; nothing can be measured without it")
        return 1
    samples: report.Samples = {}
    with tempfile.TemporaryDirectory(prefix="prack-bench-") as folder, ExitStack() as stack:
        targets = list(_start(options, Path(folder), stack))
        for target in targets:
            measure(target, 32, WARM_UP_SECONDS)
        for round_ in range(options.rounds):
            _say(f"round {round_ + 1} of {options.rounds}")
            for connections in options.connections:
                _sample(_rotated(targets, round_), connections, options.seconds, samples)
    text = report.markdown(samples, APPS[options.app], options.seconds, options.rounds)
    print(text)
    if options.out:
        options.out.write_text(text)
    failed = any(sample.errors for some in samples.values() for sample in some)
    return 1 if failed or len(targets) < len(options.only) else 0


def _start(options: argparse.Namespace, folder: Path, stack: ExitStack) -> Iterator[Running]:
    """Start what can be started; say what cannot, and why."""
    for contender in (CONTENDERS[name] for name in options.only):
        reason = provide(contender.needs) if contender.needs else ""
        try:
            if not reason:
                _say(f"starting {contender.name}: {contender.about}")
                yield stack.enter_context(started(contender, options.app, folder))
        except StartFailed as error:
            reason = f"it did not start:\n{error}"
        if reason:
            _say(f"LEFT OUT {contender.name}: {reason}")


def _rotated(targets: list[Running], by: int) -> list[Running]:
    """Nobody is always the first, or always behind the same other."""
    by %= max(1, len(targets))
    return targets[by:] + targets[:by]


def _sample(
    targets: list[Running], connections: int, seconds: int, samples: report.Samples
) -> None:
    for target in targets:
        name = target.contender.name
        sample = measure(target, connections, seconds)
        samples.setdefault((name, connections), []).append(sample)
        _say(report.progress(name, connections, sample))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
