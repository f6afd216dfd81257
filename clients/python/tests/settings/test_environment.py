"""Files of variables: what a line may be, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from prack_worker.errors import UsageError
from prack_worker.settings.environment import env_files
from prack_worker.settings.settings import read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  export  A = b c  ", "b c"),
        ("A=", ""),
        ("A=''", ""),
        ("A=b#c", "b#c"),
        ("A=b # c", "b"),
        ("A= # c", ""),
        ("A=#c", "#c"),
        ("A = 'b'", "b"),
        ("A='b # c' # d", "b # c"),
        ("A='b\\n$c\"'", 'b\\n$c"'),
        ('A="b # \\"c\\"" # d', 'b # "c"'),
        ('A="b\\nc\\td\\\\n\\$e"', "b\nc\td\\n$e"),
        ("A=b=c", "b=c"),
        ("A=\u00e4\r", "\u00e4"),
        ("\ufeffA=b", "b"),
        ("# A=1\n\nA=b\n#A=c", "b"),
    ],
)
def test_lines(file: Path, line: str, value: str) -> None:
    file.write_text(line + "\n", newline="")
    assert env_files(str(file)) == {"A": value}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A", "expected NAME=VALUE"),
        ("1A=secret", "expected NAME=VALUE"),
        ("A B=secret", "expected NAME=VALUE"),
        ("A='secret", "the value of A to have its quotes closed on this line"),
        ('A="secret\\"', "the value of A to have its quotes closed on this line"),
        ("A='secret' more", "only a comment after them"),
        ("A='secret'# more", "only a comment after them"),
        ("A=secret\0", "the value of A"),
    ],
)
def test_a_wrong_line_is_named_without_its_value(file: Path, line: str, said: str) -> None:
    file.write_text(f"X=1\n\n{line}\n")
    with pytest.raises(ValueError, match="expected") as raised:
        env_files(str(file))
    assert str(raised.value).startswith(f"{file}, line 3: ")
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_later_file_counts_more_and_the_environment_most(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("PRACK_SLOTS=1\nPRACK_GRACE=1\nPRACK_TIER=1\nOTHER=a\n")
    (tmp_path / "b").write_text("PRACK_GRACE=2\nPRACK_TIER=2\n")
    flags = {"env_file": f"{tmp_path / 'a'}, {tmp_path / 'b'}"}
    settings = read_settings(flags, {"PRACK_TIER": "3"})
    assert (settings.slots, settings.grace, settings.tier) == (1, 2.0, 3)
    assert settings.env_file["OTHER"] == "a"


def test_the_files_may_be_named_by_a_variable(file: Path) -> None:
    file.write_text("PRACK_SLOTS=5\n")
    assert read_settings({}, {"PRACK_ENV_FILE": str(file)}).slots == 5


def test_all_wrong_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A\n")
    with pytest.raises(UsageError) as raised:
        read_settings({"env_file": f"{tmp_path / 'a'},{tmp_path / 'b'}", "slots": "0"}, {})
    first, second = str(raised.value).splitlines()
    assert f"{tmp_path / 'a'}, line 1: expected NAME=VALUE" in first
    assert f"{tmp_path / 'b'} cannot be read: " in first
    assert second.startswith("--slots")
