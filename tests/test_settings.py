"""What settings of both programs have in common."""

from prack_grpc.settings import PREFIX, WORKER_VARIABLES, Settings
from prack_worker.settings import OPTIONS


def test_variables_of_the_worker_are_no_mistakes_of_the_gateway() -> None:
    own = {PREFIX + name.upper() for name in Settings.model_fields}
    variables = {option.variable_name() for option in OPTIONS}
    assert {name for name in variables - own if name.startswith(PREFIX)} == WORKER_VARIABLES
