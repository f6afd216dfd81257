"""A credentials file with the cast of the tests, and calls as each of them."""

from dataclasses import dataclass
from pathlib import Path

from prack_grpc.private.credentials import digest

# What each secret is for; all but the last two are workers'.
CAST = {
    "a": 'role = "worker"\nroutes = ["a.test/*"]\nservices = ["a"]\ntiers = [0]\nslots = 8',
    "b": 'role = "worker"\nroutes = ["b.test/*"]\nservices = ["b"]',
    "op": 'role = "operator"',
    "eye": 'role = "viewer"',
}


@dataclass
class Credentials:
    """The file. Secrets are made of names."""

    path: Path

    @classmethod
    def of(cls, path: Path) -> "Credentials":
        """A new file with the whole cast."""
        path.touch(0o600)
        found = cls(path)
        found.write(*CAST)
        return found

    def write(self, *names: str) -> None:
        """Only these are known from now on."""
        part = self.path.with_suffix(".part")
        part.touch(0o600)
        part.write_text("\n".join(map(_entry, names)))
        part.replace(self.path)


def secret(name: str) -> str:
    """The secret of one of the cast."""
    return f"prack_x_{name}".ljust(51, "0")


def bearer(name: str) -> dict[str, str]:
    """The field that shows it."""
    return {"Authorization": f"Bearer {secret(name)}"}


def _entry(name: str) -> str:
    hashed = digest(secret(name).encode()).hex()
    return f'[[token]]\nname = "{name}"\nhash = "sha256:{hashed}"\n{CAST[name]}\n'
