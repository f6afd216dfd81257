"""Keys, and certificates that sign themselves: until there is another, and as proofs (RFC 8737)."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prack_grpc.acme.schedule import Certificate

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")  # RFC 8737 section 6.1
OCTETS = b"\x04\x20"  # DER: an octet string of 32 bytes
LIFETIME = timedelta(days=90)
CLOCKS = timedelta(hours=1)  # that a client's may be behind ours


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """This key as PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def self_signed(names: Sequence[str], proof: str | None = None) -> str:
    """A key and a certificate for these names, as PEM; it may carry the `proof` of a challenge."""
    key, now = new_key(), datetime.now(UTC)
    name = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Prack, until there is another")]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    )
    if proof is not None:
        digest = OCTETS + hashlib.sha256(proof.encode()).digest()
        builder = builder.add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, digest), True)
    certificate = builder.sign(key, hashes.SHA256())
    return pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode()


def parsed(text: str) -> Certificate:
    """What a key and its chain, as PEM, are. Raises ValueError if they are not, or do not fit."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
        leaf = x509.load_pem_x509_certificates(text.encode())[0]
    except (ValueError, TypeError):
        raise ValueError("expected a key and its certificates, as PEM") from None
    if leaf.public_key() != key.public_key():
        raise ValueError("the key is not that of the certificate")
    try:
        sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise ValueError("the certificate is for no name") from None
    return Certificate(
        frozenset(sans.value.get_values_for_type(x509.DNSName)),
        leaf.not_valid_before_utc.timestamp(),
        leaf.not_valid_after_utc.timestamp(),
        leaf.issuer == leaf.subject,
    )
