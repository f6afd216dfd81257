"""Files of a certificate, its key and authorities, with SEPARATOR between; an empty one is good.

The first byte says which are not PEM but DER, by a bit each: then more than the first line is read.
"""

import base64

from fuzz.clock import Found
from fuzz.shown import folder, issued
from prack_grpc.private.callers import Callers
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate, Certificates

SEPARATOR = b"\n--\n"
# The flag of each, and what its PEM says that it is.
FILES = {
    "api_tls_cert": "CERTIFICATE",
    "api_tls_key": "PRIVATE KEY",
    "client_ca": "CERTIFICATE",
}


def one(data: bytes) -> None:
    """See the module. Raises what is not BadCertificate, or does not say which file it is about."""
    coded, parts = data[0] if data else 0, data[1:].split(SEPARATOR)
    authority, own = issued()
    paths = {"api_tls_cert": own.cert, "api_tls_key": own.key, "client_ca": authority.file}
    for bit, ((name, label), content) in enumerate(zip(FILES.items(), parts, strict=False)):
        if content:
            paths[name] = folder() / name
            paths[name].touch(0o600)
            paths[name].write_bytes(_pem(label, content) if coded >> bit & 1 else content)
    try:
        loaded = Certificates(
            Settings.model_validate({name: str(path) for name, path in paths.items()}), "api_tls"
        ).loaded
    except BadCertificate as error:
        flags = tuple(f"--{name.replace('_', '-')}: {path} " for name, path in paths.items())
        if not str(error).startswith(flags):
            raise Found(f"it does not say which file: {error}") from None
    else:
        Callers(None, loaded.names)


def _pem(label: str, data: bytes) -> bytes:
    body = base64.encodebytes(data)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), body, label.encode())
