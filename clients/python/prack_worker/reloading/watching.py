"""Hears of changed files (watchfiles, which comes with the extra `reload`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from prack_worker.errors import UsageError

# How long a burst of changes must be over, as editors and git write more than once, and how long
# it can be at most.
QUIET_MS, BURST_MS = 50, 1000
FOREIGN = frozenset(("__pycache__", "node_modules", "venv"))
LOCK = ".#"  # begins the name of what Emacs puts beside a file that is being edited


@dataclass(frozen=True, slots=True)
class Watched:
    """The files below `folders` (absolute) that match one of the `patterns` (globs).

    What is in a hidden folder, such as `.git` and `.venv`, is not the application's, nor is what
    tools install or generate.
    """

    folders: Sequence[Path]
    patterns: Sequence[str]

    def matches(self, path: Path) -> bool:
        """Whether a change of this path is one of the application.

        A folder that has come with such files counts, too: nobody tells of each of them.
        """
        return any(self._is_in(folder, path) for folder in self.folders)

    def _is_in(self, folder: Path, path: Path) -> bool:
        if not path.is_relative_to(folder):
            return False
        *above, name = path.relative_to(folder).parts or ("",)
        if any(map(_is_foreign, above)) or name.startswith(LOCK):
            return False
        if any(map(path.match, self.patterns)):
            return True
        inside = (file for pattern in self.patterns for file in path.rglob(pattern))
        return not _is_foreign(name) and any(self._is_in(folder, file) for file in inside)


def _is_foreign(name: str) -> bool:
    return name.startswith(".") or name in FOREIGN


def check_installed() -> None:
    """Raises UsageError, which says what to install."""
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        raise UsageError(
            "--reload: watchfiles is not installed: pip install 'prack-worker[reload]'"
        ) from None


async def changes(watched: Watched) -> AsyncIterator[list[Path]]:
    """The files that have changed, sorted; those of a burst come at once.

    Raises:
        UsageError: the folders cannot be watched: there are too many, or one has gone.
    """
    from watchfiles import awatch

    bursts = awatch(
        *watched.folders,
        watch_filter=lambda _, path: watched.matches(Path(path)),
        step=QUIET_MS,
        debounce=BURST_MS,
        ignore_permission_denied=True,
    )
    try:
        async for burst in bursts:
            yield sorted({Path(path) for _, path in burst})
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--reload: the folders cannot be watched: {error}") from None


def forget(source: Path) -> None:
    """Remove what Python has compiled of it.

    Python takes that for current if the source is as long and of the same second (PEP 3147): who
    saves twice in a second would get the first.
    """
    if source.suffix == ".py":
        Path(cache_from_source(str(source))).unlink(missing_ok=True)
