"""The settings of a gateway that is one of many: which cluster, and which NATS servers."""

from pathlib import Path

from pydantic import BaseModel, Field

from prack_grpc.settings.values import ClusterName, File, NatsUrls, User


class ClusterSettings(BaseModel):
    """A part of Settings."""

    nats: NatsUrls = Field(
        (),
        description="NATS servers, by which gateways on many machines are one: nats://a,nats://b; "
        "over TLS tls://a",
    )
    cluster: ClusterName | None = Field(
        None, description="which gateways there belong together: those with the same name"
    )
    nats_user: User | None = Field(None, description="user of this gateway at NATS")
    nats_password_file: File | None = Field(None, description="file with its password")
    nats_token_file: File | None = Field(
        None, description="file with the token that NATS asks for instead"
    )
    nats_creds: File | None = Field(
        None, description="credentials file of NATS instead: a JWT and its seed"
    )
    nats_nkey: File | None = Field(None, description="file with the seed of an nkey instead")
    nats_ca: File | None = Field(
        None, description="authorities, as PEM, that must have signed the certificates of NATS"
    )
    nats_cert: File | None = Field(
        None, description="certificate of this gateway, as PEM, if NATS demands one"
    )
    nats_key: File | None = Field(None, description="its key")

    def cluster_problems(self) -> list[str]:
        """What does not go together."""
        given = {
            "--cluster": self.cluster,
            "--nats-user": self.nats_user,
            "--nats-password-file": self.nats_password_file,
            "--nats-token-file": self.nats_token_file,
            "--nats-creds": self.nats_creds,
            "--nats-nkey": self.nats_nkey,
            "--nats-ca": self.nats_ca,
            "--nats-cert": self.nats_cert,
            "--nats-key": self.nats_key,
        }
        there = [flag for flag, value in given.items() if value is not None]
        if not self.nats:
            return [f"{flag}: needs --nats" for flag in there]
        problems = [] if self.cluster else ["--nats: set --cluster to a name for these gateways"]
        for one, other in (
            ("--nats-user", "--nats-password-file"),
            ("--nats-password-file", "--nats-user"),
            ("--nats-cert", "--nats-key"),
            ("--nats-key", "--nats-cert"),
        ):
            if one in there and other not in there:
                problems.append(f"{one}: needs {other}")
        ways = ("--nats-user", "--nats-token-file", "--nats-creds", "--nats-nkey")
        if len(several := [flag for flag in ways if flag in there]) > 1:
            problems.append(f"{several[0]}: use it or {several[1]}, not both")
        return problems or [
            f"{flag}: cannot read it: {error}"
            for flag, value in given.items()
            if isinstance(value, Path) and (error := _unreadable(value))
        ]


def _unreadable(file: Path) -> OSError | None:
    """Why; None if it can be read now. It is read again at each connection."""
    try:
        with file.open("rb"):
            return None
    except OSError as error:
        return error
