"""An authority, as the library `acme` talks to it. All of this blocks, and belongs in a thread."""

import ssl
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import jwa, jwk
from requests.adapters import HTTPAdapter

import prack_grpc
from prack_grpc.acme.signed import new_key, pem, self_signed
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate
from prack_grpc.tls.validation import proving

# For one call, and for a whole order from its first proof on.
CALL_SECONDS = 10
ORDER_SECONDS = 90.0
NONCES = 5  # that an authority may refuse in a row (RFC 8555 section 6.5)
MOST_WORDS = 1000  # of an authority, in the log


class Refused(Exception):
    """There is no certificate, for this reason; the authority wants so many seconds without us."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason[:MOST_WORDS])
        self.seconds = seconds


@challenges.ChallengeResponse.register
class TlsAlpn01Response(challenges.KeyAuthorizationChallengeResponse):
    """That a client may come and look (RFC 8737 section 3)."""

    typ = "tls-alpn-01"


@challenges.Challenge.register
class TlsAlpn01(challenges.KeyAuthorizationChallenge):
    """A proof by a certificate, which the library has no more."""

    response_cls = TlsAlpn01Response
    typ = response_cls.typ

    def validation(self, account_key: jwk.JWK, **_: Any) -> str:
        """What the certificate has to carry the digest of."""
        return self.key_authorization(account_key)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What shows to an authority that names are ours, while it looks.

    `answers` are bodies by path on the port without TLS (RFC 8555 section 8.3); `contexts`, by
    name, are for the public port (RFC 8737). One of the two is used: `by_http` or not.
    """

    answers: MutableMapping[str, bytes]
    contexts: MutableMapping[str, ssl.SSLContext]
    by_http: bool


class Authority:
    """The authority of these settings, and our account there; `folder` is for files of a moment."""

    def __init__(
        self, settings: Settings, account: ec.EllipticCurvePrivateKey, folder: Path
    ) -> None:
        """Raises BadCertificate."""
        self._directory = settings.acme_directory
        self._mail = settings.acme
        self._ca = settings.acme_ca
        if self._ca is not None:
            _check(self._ca)
        self._key = jwk.JWKEC(key=account)
        self._folder = folder

    def order(self, names: Sequence[str], proofs: Proofs) -> str:
        """A new key with its chain, as PEM. Raises Refused."""
        network = _Network(self._key, self._ca)
        key = pem(new_key())
        with _understood(network):
            calls = self._registered(network)
            order = calls.new_order(crypto_util.make_csr(key.encode(), list(names)))
            # The library's deadlines are in local time.
            deadline = datetime.now() + timedelta(seconds=ORDER_SECONDS)
            with self._proven(calls, order, proofs):
                order = calls.poll_authorizations(order, deadline)
            return key + calls.finalize_order(order, deadline).fullchain_pem

    def suggestion(self, certificate: str) -> tuple[float | None, float]:
        """When this one is best renewed, if the authority tells, and when to ask again.

        Unix times (RFC 9773). Raises Refused.
        """
        network = _Network(self._key, self._ca)
        with _understood(network):
            best, again = self._calls(network).renewal_time(certificate.encode())
            return best.timestamp() if best else None, again.timestamp()

    def _calls(self, network: "_Network") -> client.ClientV2:
        return client.ClientV2(client.ClientV2.get_directory(self._directory, network), network)

    def _registered(self, network: "_Network") -> client.ClientV2:
        calls = self._calls(network)
        # That the terms are agreed to is what --acme says.
        wanted = messages.NewRegistration.from_data(email=self._mail, terms_of_service_agreed=True)
        try:
            calls.new_account(wanted)
        except errors.ConflictError as known:
            network.account = messages.RegistrationResource(uri=known.location, body=wanted)
        return calls

    @contextmanager
    def _proven(
        self, calls: client.ClientV2, order: messages.OrderResource, proofs: Proofs
    ) -> Iterator[None]:
        """Inside, the proofs are there, and the authority knows that it may look."""
        kind: type[challenges.KeyAuthorizationChallenge]
        kind = challenges.HTTP01 if proofs.by_http else TlsAlpn01
        try:
            for authorization in order.authorizations:
                if authorization.body.status == messages.STATUS_VALID:
                    continue
                name = authorization.body.identifier.value
                asked = [
                    one for one in authorization.body.challenges if isinstance(one.chall, kind)
                ]
                if not asked:
                    raise Refused(f"the authority takes no proof by {kind.typ} of {name}")
                response, proof = asked[0].response_and_validation(self._key)
                if proofs.by_http:
                    proofs.answers[asked[0].path] = proof.encode()
                else:
                    proofs.contexts[name] = self._context(name, proof)
                calls.answer_challenge(asked[0], response)
            yield
        finally:
            proofs.answers.clear()
            proofs.contexts.clear()

    def _context(self, name: str, proof: str) -> ssl.SSLContext:
        context = proving()
        # Python's ssl reads certificates from files only.
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._folder) as file:  # 0600
            file.write(self_signed([name], proof))
            file.flush()
            context.load_cert_chain(file.name)
        return context


class _Network(client.ClientNetwork):
    """One order's calls. `seconds` is how long the last refusal has asked us to wait."""

    def __init__(self, key: jwk.JWK, ca: Path | None) -> None:
        agent = f"prack/{prack_grpc.__version__}"
        super().__init__(key, alg=jwa.ES256, user_agent=agent, timeout=CALL_SECONDS)
        self.seconds = 0.0
        self.session.hooks["response"].append(self._heard)
        if ca is not None:
            self.session.mount("https://", _Trusting(ca))

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Once more for each nonce that was refused; the library does so once."""
        for _ in range(NONCES):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)

    def _heard(self, response: requests.Response, **_: object) -> None:
        if not response.ok and "Retry-After" in response.headers:
            after = client.ClientV2.retry_after(response, 0)
            self.seconds = (after - datetime.now()).total_seconds()


class _Trusting(HTTPAdapter):
    """Trusts the authorities of this file only."""

    def __init__(self, ca: Path) -> None:
        super().__init__()
        self._ca = str(ca)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """See HTTPAdapter."""
        return super().send(*args, **{**kwargs, "verify": self._ca})


def _check(ca: Path) -> None:
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as error:
        text = f"{ca} cannot be used: {error.strerror or error}; expected authorities in PEM"
        raise BadCertificate(f"--acme-ca: {text}") from None


@contextmanager
def _understood(network: _Network) -> Iterator[None]:
    """What goes wrong inside is Refused, in the authority's words if there are any."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:  # the library raises what it meets in what it has got
        raise Refused(_words(error), network.seconds) from error


def _words(error: Exception) -> str:
    if isinstance(error, errors.ValidationError):
        failed = error.failed_authzrs
        return "; ".join(
            f"{one.body.identifier.value}: {challenge.error.detail} ({challenge.error.code})"
            for one in failed
            for challenge in one.body.challenges
            if challenge.error is not None
        )
    if isinstance(error, errors.IssuanceError):
        error = error.error
    if isinstance(error, messages.Error):
        return f"{error.detail} ({error.code})"
    if error.args and isinstance(response := error.args[0], requests.Response):
        return f"the authority answered {response.status_code} {response.reason}"
    if isinstance(error, errors.TimeoutError):
        return f"the authority was not done within {ORDER_SECONDS:g} s"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return _unreachable(error)
    return f"{type(error).__name__}: {error}"


def _unreachable(error: BaseException) -> str:
    """What the system or TLS says of it, below what two libraries have wrapped around that."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not trusted, {error.verify_message}"
        return f"cannot reach the authority: {why}; --acme-ca names who may have signed it"
    why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return f"cannot reach the authority: {why}; this machine must be able to call --acme-directory"
