"""A credentials file with the cast of the tests, and calls as each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prack_grpc.private.credentials import digest

# What each secret is for; all but the last two are workers'.
CAST = {
    "a": 'role = "worker"\nroutes = ["a.test/*"]\nservices = ["a"]\ntiers = [0]\nslots = 8\n'
    "websocket_slots = 20",
    "b": 'role = "worker"\nroutes = ["b.test/*"]\nservices = ["b"]',
    "op": 'role = "operator"',
    "eye": 'role = "viewer"',
}


def hashed(name: str) -> str:
    """Known by a secret that is made of the name."""
    return f'hash = "sha256:{digest(secret(name).encode()).hex()}"'


@dataclass
class Credentials:
    """The file, which begins with `head`. `proof` says by what each is known."""

    path: Path
    proof: Callable[[str], str] = hashed
    head: str = ""

    @classmethod
    def of(cls, path: Path, proof: Callable[[str], str] = hashed, head: str = "") -> "Credentials":
        """A new file with the whole cast."""
        path.touch(0o600)
        found = cls(path, proof, head)
        found.write(*CAST)
        return found

    def write(self, *names: str) -> None:
        """Only these are known from now on."""
        part = self.path.with_suffix(".part")
        part.touch(0o600)
        part.write_text("\n".join([self.head, *map(self._entry, names)]))
        part.replace(self.path)

    def _entry(self, name: str) -> str:
        return f'[[token]]\nname = "{name}"\n{self.proof(name)}\n{CAST[name]}\n'


def secret(name: str) -> str:
    """The secret of one of the cast."""
    return f"prack_x_{name}".ljust(51, "0")


def bearer(name: str) -> dict[str, str]:
    """The field that shows it."""
    return {"Authorization": f"Bearer {secret(name)}"}
