"""How a command knows the gateway that it calls, and shows who it is."""

import argparse
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from prack_grpc.settings.loading import SettingsError, flag
from prack_grpc.settings.settings import Settings
from prack_wire.tls import BadFiles, Tls

# The flags, each with its variable, which `prack-worker` reads as well.
FILES = {
    "tls_ca": ("PRACK_TLS_CA", "authorities of its certificate, as PEM, to call it over TLS"),
    "tls_cert": ("PRACK_CLIENT_CERT", "certificate to show if it demands one, as PEM"),
    "tls_key": ("PRACK_CLIENT_KEY", "its key"),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Have a command take FILES."""
    for name, (variable, help_) in FILES.items():
        parser.add_argument(flag(name), metavar="FILE", help=f"{help_} (or set {variable})")


class Trust:
    """Plain HTTP, or TLS if authorities are named, or if the settings say what the gateway shows.

    Then exactly that is expected, by whatever name the gateway is called.
    """

    def __init__(
        self, settings: Settings, flags: Mapping[str, str | None], environ: Mapping[str, str]
    ) -> None:
        """Raises SettingsError."""
        files = [flags.get(name) or environ.get(of) for name, (of, _) in FILES.items()]
        ca, cert, key = (Path(file) if file else None for file in files)
        own = settings.api_tls_cert[0] if settings.api_tls_cert else None
        for name, file, others in (
            ("cert", cert, key),
            ("key", key, cert),
            ("cert", cert, ca or own),
        ):
            if file and not others:
                raise SettingsError([f"--tls-{name}: needs --tls-ca, --tls-cert and --tls-key"])
        self._tls = Tls(ca or own, cert, key) if ca or own else None
        self.scheme = "https" if self._tls else "http"
        # The token is for the gateway only, whatever `http_proxy` says.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._tls:
            handlers.append(urllib.request.HTTPSHandler(context=_context(self._tls, ca is None)))
        self.open = urllib.request.build_opener(*handlers).open

    def reason(self, error: BaseException, url: str) -> object:
        """Why a call of this URL had no answer."""
        reason = getattr(error, "reason", error)
        if self._tls and isinstance(reason, BaseException):
            return self._tls.refusal(reason, urlsplit(url).netloc) or reason
        return reason


def _context(tls: Tls, exactly: bool) -> ssl.SSLContext:
    try:
        context = tls.context()
    except BadFiles as error:
        raise SettingsError([str(error)]) from None
    if exactly:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
