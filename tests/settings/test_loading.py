"""What settings of both programs have in common, and what only matters to a gateway."""

from typing import Literal, get_origin

import pytest

from prack_grpc.settings.loading import PREFIX, WORKER_VARIABLES, SettingsError, load
from prack_grpc.settings.settings import SECRETS, Settings
from prack_grpc.settings.values import written
from prack_worker.settings.options import OPTIONS


def test_variables_of_the_worker_are_no_mistakes_of_the_gateway() -> None:
    own = {PREFIX + name.upper() for name in Settings.model_fields}
    variables = {option.variable_name() for option in OPTIONS}
    assert {name for name in variables - own if name.startswith(PREFIX)} == WORKER_VARIABLES


def test_the_kind_of_a_setting_says_how_its_value_is_written() -> None:
    fields = Settings.model_fields
    kinds = {name: field.annotation for name, field in fields.items() if name not in SECRETS}
    plain = {name for name, kind in kinds.items() if kind is bool or get_origin(kind) is Literal}
    assert {name for name in kinds if written(fields[name]) is None} == plain
    assert written(fields["max_connections_per_client"]) == "N"
    assert written(fields["acme"]) == "MAIL"


def test_who_calls_a_gateway_is_not_judged_as_one() -> None:
    flags = {"admin_host": "192.0.2.1", "admin_port": "4243"}
    with pytest.raises(SettingsError) as error:
        load(flags, {})
    assert [problem.partition(":")[0] for problem in error.value.problems] == [
        "--admin-port",
        "--admin-host",
    ]
    settings = load(flags, {}, listening=False)
    assert (settings.admin_host, settings.admin_port) == ("192.0.2.1", 4243)
