"""The settings of a gateway that is one of many."""

from pathlib import Path

import pytest

from prack_grpc.settings.loading import SettingsError, load

BOTH = {"nats": "nats://a", "cluster": "shop"}


def problems(**flags: str) -> list[str]:
    """What is wrong with them."""
    with pytest.raises(SettingsError) as error:
        load(flags, {})
    return error.value.problems


def test_servers_of_one_cluster() -> None:
    settings = load({"nats": "nats://a:4222, tls://[::1]:1,nats://a:4222", "cluster": "shop"}, {})
    assert (settings.nats, settings.cluster) == (("nats://a:4222", "tls://[::1]:1"), "shop")
    assert load({}, {}).nats == ()


@pytest.mark.parametrize(
    "url",
    [
        "a:4222",
        "http://a",
        "nats://user:secret@a",
        "nats://a/b",
        "nats://a:65536",
        "nats://a:0",
        "ws://a",
    ],
)
def test_what_is_no_server(url: str) -> None:
    [problem] = problems(nats=url, cluster="shop")
    assert problem.startswith("--nats: expected servers such as nats://10.0.0.1:4222")


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 33, "*"])
def test_what_is_no_name_of_a_cluster(name: str) -> None:
    [problem] = problems(nats="nats://a", cluster=name)
    assert problem.startswith("--cluster: expected a name of at most 32 letters")


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"cluster": "shop"}, "--cluster: needs --nats"),
        ({"nats_creds": "x"}, "--nats-creds: needs --nats"),
        ({"nats": "nats://a"}, "--nats: set --cluster to a name for these gateways"),
        ({**BOTH, "nats_user": "u"}, "--nats-user: needs --nats-password-file"),
        ({**BOTH, "nats_key": "k"}, "--nats-key: needs --nats-cert"),
        (
            {**BOTH, "nats_creds": "c", "nats_token_file": "t"},
            "--nats-token-file: use it or --nats-creds, not both",
        ),
    ],
)
def test_what_does_not_go_together(flags: dict[str, str], found: str) -> None:
    assert problems(**flags) == [found]


@pytest.mark.parametrize("name", ["nats_creds", "nats_nkey", "nats_token_file", "nats_ca"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    [problem] = problems(**BOTH, **{name: str(tmp_path / "none")})
    assert problem.startswith(f"--{name.replace('_', '-')}: cannot read it: ")
