"""The settings of the public port: where it listens, and the certificates that it shows."""

from pydantic import BaseModel, Field

from prack_grpc.settings.values import (
    Domains,
    File,
    Folder,
    Host,
    HttpsUrl,
    Lasting,
    Mail,
    Pems,
    Port,
)

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


class PublicSettings(BaseModel):
    """A part of Settings."""

    host: Host = Field("0.0.0.0", description="address of the public port")  # noqa: S104 - as the original
    port: Port = Field(8080, description="public port; 0 chooses a free one")
    tls_cert: Pems = Field(
        (),
        description="certificate of the public port, as PEM with those that signed it; several "
        "with commas, the first is the default",
    )
    tls_key: Pems = Field((), description="its key; several in the same order")
    acme: Mail | None = Field(
        None,
        description="get the certificate of the public port from an authority, renew it, and agree "
        "to the authority's terms of service: the address is for its letters",
    )
    acme_domains: Domains = Field(
        (), description="names in that certificate: example.com,www.example.com"
    )
    acme_store: Folder | None = Field(
        None, description="folder that keeps that certificate, with its key and that of the account"
    )
    acme_directory: HttpsUrl = Field(
        LETS_ENCRYPT, description="directory of the authority, by ACME (RFC 8555)"
    )
    acme_ca: File | None = Field(
        None, description="whom to trust about the directory, as PEM, if it is not public"
    )
    http_redirect: Port | None = Field(
        None, description="port without TLS that sends clients to the public port, by 308"
    )
    hsts: Lasting | None = Field(
        None,
        description="have browsers use TLS only for so many seconds (Strict-Transport-Security)",
    )

    def certificate_problems(self) -> list[str]:
        """What does not go together."""
        problems = []
        parts = {"--acme-domains": self.acme_domains, "--acme-store": self.acme_store}
        if self.acme is None:
            problems += [f"{flag}: needs --acme" for flag, value in parts.items() if value]
        else:
            problems += [f"--acme: set {flag}" for flag, value in parts.items() if not value]
            if self.tls_cert:
                problems.append("--acme: the certificate is already there, by --tls-cert; use one")
        for flag, value in (("--http-redirect", self.http_redirect), ("--hsts", self.hsts)):
            if value is not None and not (self.tls_cert or self.acme):
                problems.append(f"{flag}: needs --tls-cert or --acme")
        return problems
