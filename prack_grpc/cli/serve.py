"""The commands `prack serve` and `prack healthcheck`."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal, NoReturn, get_args, get_origin

from pydantic.fields import FieldInfo

from prack_grpc.cli.commands import ABOUT, USAGE_ERROR
from prack_grpc.cli.terminal import complain, say
from prack_grpc.settings.loading import PREFIX, SettingsError, flag, load, nearest
from prack_grpc.settings.settings import SECRETS, Settings
from prack_grpc.settings.values import written

START_ERROR = 3  # an address is taken, or a certificate cannot be shown
SHORT = {"host": "-h", "port": "-p"}


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, with a hint."""

    def error(self, message: str) -> NoReturn:
        complain([message])
        sys.exit(USAGE_ERROR)


def run(command: str, arguments: Sequence[str]) -> int:
    """Run `serve`, or `healthcheck`. Returns the exit code. Raises SettingsError."""
    known, unknown = _serve_parser().parse_known_args(arguments)
    flags = {name: value for name, value in vars(known).items() if value is not None}
    show = flags.pop("print_config", False)
    names = [flag(name) for name in Settings.model_fields]
    problems = [f"{name}: unknown option{nearest(name, names)}" for name in _options(unknown)]
    try:
        settings = load(flags, os.environ)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(problems)
    if show:
        print("\n".join(f"{name} = {value}" for name, value in settings.shown().items()))
        return 0
    return _healthcheck(settings) if command == "healthcheck" else _serve(settings)


def _options(words: list[str]) -> Iterator[str]:
    """The unknown options, without the words that look like their values."""
    for before, word in pairwise(["", *words]):
        if word.startswith("-") or not before.startswith("-"):
            yield word.partition("=")[0]


def _serve(settings: Settings) -> int:
    # Until the service handles signals there is nothing to finish: Ctrl-C just ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # These imports are half of the start-up time, which `prack --help` should not pay. The garbage
    # collector would add a sixth, and find nothing; `run` turns it on again.
    gc.disable()
    # Strangers could have its library write lines that are no log of ours.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from prack_grpc.deferred.store import BadStore
    from prack_grpc.handover.systemd import BadActivation
    from prack_grpc.listener import AddressInUse
    from prack_grpc.private.credentials import BadCredentials
    from prack_grpc.process import ended, run, supervise
    from prack_grpc.state.file import BadState
    from prack_grpc.tls.certificates import BadCertificate

    def complaining(serve: Callable[..., int], *what: object) -> int:
        try:
            return serve(*what)
        except (AddressInUse, BadCertificate) as error:
            complain([str(error)])
            return START_ERROR
        except (BadActivation, BadCredentials, BadState, BadStore) as error:
            complain([str(error)])
            return USAGE_ERROR
        except SettingsError as error:
            complain(error.problems)
            return USAGE_ERROR

    if settings.processes == 1:
        return ended(complaining(run, settings))
    # Each process has its own reasons not to start.
    return complaining(supervise, settings, partial(partial, complaining, run))


def _healthcheck(settings: Settings) -> int:
    # Who serves calls nobody.
    import http.client

    from prack_grpc.cli import gateway
    from prack_grpc.cli.trust import Trust

    trust = Trust(settings, {}, os.environ)
    url = f"{gateway.api_url(settings, trust)}/readyz"
    try:
        with trust.open(url, timeout=3) as response:
            print(f"ready: {url} answers {response.status}")
    except (OSError, http.client.HTTPException) as error:
        say(f"not ready: {url}: {trust.reason(error, url)}", sys.stderr)
        return 1
    return 0


def _serve_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="prack serve",
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=ABOUT,
        epilog=f"Each option is also a variable: --queue-timeout is {PREFIX}QUEUE_TIMEOUT. "
        f"An option overrides its variable. The tokens themselves can only be set by "
        f"variables, {PREFIX}TOKEN, {PREFIX}ADMIN_TOKEN and {PREFIX}CALLBACK_SECRET.",
    )
    parser.add_argument("--help", action="help", help="print this help")
    parser.add_argument(
        "--print-config", action="store_const", const=True, help="print the settings in use"
    )
    for name, field in Settings.model_fields.items():
        # A token on a command line can be read by every user of the machine.
        if name not in SECRETS:
            default = _default(name, field.default)
            help_ = f"{field.description}{default}".replace("%", "%%")
            _add(parser, name, field, help_)
    return parser


def _add(parser: argparse.ArgumentParser, name: str, field: FieldInfo, help_: str) -> None:
    if field.annotation is bool:
        options = [flag(name), flag(f"no_{name}")]
        parser.add_argument(options[0], dest=name, action="store_const", const="true", help=help_)
        parser.add_argument(
            options[1], dest=name, action="store_const", const="false", help=argparse.SUPPRESS
        )
        return
    literal = get_origin(field.annotation) is Literal
    shape = "|".join(get_args(field.annotation)) if literal else written(field)
    options = [SHORT[name], flag(name)] if name in SHORT else [flag(name)]
    parser.add_argument(*options, dest=name, metavar=shape, help=help_)


def _default(name: str, value: object) -> str:
    if value in (None, (), False):
        return ""
    if value is True:
        return f" (on; {flag(f'no_{name}')} turns it off)"
    shown = f"{value:g}" if isinstance(value, float) else value
    return f" (default {shown})"
