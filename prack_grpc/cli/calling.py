"""How the commands call a gateway: directly, and over TLS if it has a certificate."""

import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from prack_grpc.settings import Settings, SettingsError
from prack_wire.tls import BadFiles, Tls

# The flags, each with its variable, which `prack-worker` reads as well.
FILES = {
    "tls_ca": ("PRACK_TLS_CA", "authorities of its certificate, for TLS, as PEM"),
    "tls_cert": ("PRACK_CLIENT_CERT", "certificate to show, if it demands one, as PEM"),
    "tls_key": ("PRACK_CLIENT_KEY", "its key"),
}


class Way:
    """The way to one of a gateway's private HTTP ports, from this machine or another.

    With TLS if authorities are named, or if these settings say what the gateway shows; then exactly
    that is expected, by whatever name it is called.
    """

    def __init__(
        self, settings: Settings, flags: Mapping[str, str | None], environ: Mapping[str, str]
    ) -> None:
        """Raises SettingsError."""
        files = {name: flags.get(name) or environ.get(of) for name, (of, _) in FILES.items()}
        ca, cert, key = (Path(file) if file else None for file in files.values())
        own = next(iter(settings.api_tls_cert), None)
        self._tls = Tls(ca or own, cert, key) if ca or own else None
        self.host = settings.api_host if settings.api_host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
        self._port = settings.api_port
        # The token is for the gateway only, whatever `http_proxy` says.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._tls:
            handlers.append(urllib.request.HTTPSHandler(context=_context(self._tls, ca is None)))
        self.open = urllib.request.build_opener(*handlers).open

    @property
    def url(self) -> str:
        """Of the worker API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self._tls else ''}://{host}:{self._port}"

    def reason(self, error: BaseException) -> object:
        """Why a call had no answer."""
        reason = getattr(error, "reason", error)
        refusal = None
        if self._tls and isinstance(reason, BaseException):
            refusal = self._tls.refusal(reason, f"{self.host}:{self._port}")
        return refusal or reason


def _context(tls: Tls, exactly: bool) -> ssl.SSLContext:
    try:
        context = tls.context()
    except BadFiles as error:
        raise SettingsError([str(error)]) from None
    if exactly:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
