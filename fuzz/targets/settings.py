"""Settings, a line each: `NAME=value` is a variable, `-name=value` a flag. Files are not read."""

from fuzz.clock import Found
from prack_grpc.core import rates
from prack_grpc.core.rates import RateLimits
from prack_grpc.gateway.http.admission import within
from prack_grpc.settings.loading import SettingsError, load
from prack_grpc.settings.settings import Settings

NAMES = ("--", "PRACK_", "the token ", "the admin token ")


def one(data: bytes) -> None:
    """See the module. Raises whatever is not a list of what is wrong."""
    flags, variables = {}, {}
    for line in data.decode(errors="surrogateescape").split("\n"):
        name, _, value = line.partition("=")
        if name.lower().endswith("_file"):
            continue
        if name[:1] == "-" and name[1:] in Settings.model_fields:
            flags[name[1:]] = value
        else:
            variables["PRACK_" + name] = value
    try:
        settings = load(flags, variables)
    except SettingsError as error:
        if unnamed := [problem for problem in error.problems if not problem.startswith(NAMES)]:
            raise Found(f"they do not say which setting they are about: {unnamed}") from None
        return
    settings.limits()
    settings.connection_limits()
    settings.shown()
    RateLimits(rates.parse(settings.rate_limit or ""), 1)
    for networks in (settings.trusted_proxies, settings.worker_networks, settings.admin_networks):
        if (admits := within(networks, "")) is not None:
            admits("192.0.2.1")
