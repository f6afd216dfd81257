"""Where the answer to a request is that is answered later."""

PATH = "/.well-known/prack/deferred/"


def path_of(id_: str) -> str:
    """The path of this job, on the public port and the host that it came to."""
    return PATH + id_


def id_at(path: bytes) -> str | None:
    """The name of the job at this path, None of any other path."""
    text = path.decode("latin-1")
    return text.removeprefix(PATH) if text.startswith(PATH) else None
