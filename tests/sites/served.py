"""Sites that are served twice from equal folders, and visitors that keep what they are answered."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import httpx2

from tests.acceptance.compared import seen, seen_beside
from tests.acceptance.processes import SECONDS, Launcher, Process
from tests.browser.browser import Browser
from tests.sites.words import variables, words

ONCE = httpx2.Limits(max_keepalive_connections=0)
# A site that imports hundreds of modules for the first time, on a busy machine.
START = 120.0
# The address, and times of HTTP: of files, and of the end of cookies.
OTHER = (r"127\.0\.0\.1:\d+", r"\w{3}, \d\d[ -]\w{3}[ -]\d{4} [\d:]{8} GMT")
# What a worker says of an application that breaks a rule of its interface, or fails.
BROKEN = re.compile(r"The application('s| failed| returned| did not| ended)|invalid event")
OPEN = r"http://127\.0\.0\.1:(\d+)"


@dataclass(frozen=True)
class Site:
    """One site: through Prack, without it, and the worker."""

    through: str
    direct: str
    worker: Process

    @property
    def both(self) -> tuple[str, str]:
        """The URLs."""
        return self.through, self.direct


@contextmanager
def serving(launch: Launcher, folder: Path, name: str) -> Iterator[Site]:
    """The site of this section of docs/sites.md. Its worker must have logged no error."""
    said = words(name)
    prepared = folder / "through"
    prepared.mkdir()
    said.prepare(prepared)
    other = shutil.copytree(prepared, folder / "direct")
    gateway = launch.gateway()
    dials = {"PRACK_GATEWAY": gateway.url("prack")}
    worker = started(launch, prepared, f"{said.exports}\nexec {said.worker}", dials)
    direct = started(launch, other, f"{said.exports}\nexec {said.direct}", {})
    port = direct.line(OPEN, seconds=START)[1]
    worker.line("Connected to", seconds=START)
    yield Site(f"http://127.0.0.1:{gateway.port}", f"http://127.0.0.1:{port}", worker)
    assert [line for line in worker.lines if BROKEN.search(line)] == [], worker


def started(launch: Launcher, folder: Path, script: str, env: dict[str, str]) -> Process:
    """A shell that becomes a server, in this folder."""
    command = ("sh", "-c", f"cd '{folder}'\n{script}")
    return launch.process(*command, env={**variables(folder), **env})


class Visitor:
    """A client of a site that keeps its cookies, and each answer. Each request has a connection.

    One that gunicorn is about to close, as it has not read a body, must not be used again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx2.Client(base_url=url, timeout=SECONDS, limits=ONCE)
        self.answers: list[httpx2.Response] = []

    def ask(self, method: str, target: str, status: int, **options: Any) -> httpx2.Response:
        """One request, whose answer has this status."""
        answer = self.client.request(method, target, **options)
        assert answer.status_code == status, (method, target, answer.status_code, answer.text)
        self.answers.append(answer)
        return answer


def compared(site: Site, visit: Callable[[Visitor], None], varying: Sequence[str] = ()) -> None:
    """Visit the site both ways. The answers are the same but for what these expressions match."""
    kept = []
    for url in site.both:
        visitor = Visitor(url)
        with visitor.client:
            visit(visitor)
        kept.append(visitor.answers)
    for got, wanted in zip(*kept, strict=True):
        same(facts(got, wanted, varying), facts(wanted, wanted, varying))


def facts(answer: httpx2.Response, direct: httpx2.Response, varying: Sequence[str]) -> list[str]:
    """What has to be the same, in lines; `direct` is the answer without Prack."""
    fields = seen(answer) if answer is direct else seen_beside(answer, direct)
    head = [f"{name}: {value}" for name, value in fields]
    lines = (*head, *answer.text.splitlines())
    request = f"{answer.request.method} {answer.url.path}: {answer.status_code}"
    return [request, *(masked(line, varying) for line in lines)]


def same(through: list[str], direct: list[str]) -> None:
    """Whether these lines are the same; otherwise which are not."""
    assert through == direct, "\n".join(unified_diff(direct, through, "direct", "through", n=1))


def used(
    site: Site, browser: Browser, use: Callable[[str], None], known: str = "favicon.ico"
) -> None:
    """Use the site's pages both ways; the browser complains of nothing but what is `known`.

    That is what a page can do without, which it asks for when it likes.
    """
    for url in site.both:
        use(url)
        same([one for one in browser.complaints() if not re.search(known, one)], [])
        browser.driver.delete_all_cookies()  # they are for all ports
        browser.leave()
        browser.complaints()  # of what was cut by that


def masked(text: str, varying: Sequence[str]) -> str:
    """Without what differs anyway, and without what else does."""
    return re.sub("|".join((*OTHER, *varying)), "...", text)
