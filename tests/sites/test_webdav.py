"""WsgiDAV: files over WebDAV (RFC 4918), with locks and copies."""

from collections.abc import Iterator

import pytest

from tests.acceptance.processes import Launcher
from tests.sites.served import Site, Visitor, compared, serving

LOCK = """<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>
<locktype><write/></locktype><owner>ada</owner></lockinfo>"""
NOTE = """<?xml version="1.0"?><propertyupdate xmlns="DAV:"><set><prop>
<note xmlns="urn:x">checked</note></prop></set></propertyupdate>"""
# Tokens, of which some are shorter, times, the names of versions made of them, and free space.
VARYING = (
    r"^content-length: \d+",
    r"(?<=bytes>)\d{9,}",
    r"[0-9a-f]{8}-[0-9a-f-]{27}",
    r"opaquelocktoken:0x[0-9a-f]+",
    r"\d{4}-\d\d-\d\dT[\d:]{8}Z",
    r"\d{4}-\d\d-\d\d [\d:.]{8,15}",
    r"(?<=getetag>)[^<]+",
)


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("wsgidav"), "WsgiDAV") as site:
        yield site


def test_files_are_locked_copied_and_moved(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        visitor.ask("OPTIONS", "/", 200)
        visitor.ask("MKCOL", "/notes", 201)
        visitor.ask("MKCOL", "/none/notes", 409)
        visitor.ask("PUT", "/notes/a%20%C3%A4.txt", 201, content=b"first")
        locked = visitor.ask("LOCK", "/notes/a%20%C3%A4.txt", 200, content=LOCK)
        held = {"If": f"({locked.headers['lock-token']})"}
        visitor.ask("PUT", "/notes/a%20%C3%A4.txt", 423, content=b"refused")
        visitor.ask("PUT", "/notes/a%20%C3%A4.txt", 204, content=b"second", headers=held)
        visitor.ask("PROPPATCH", "/notes/a%20%C3%A4.txt", 207, content=NOTE, headers=held)
        copy = {"Destination": f"{visitor.url}/notes/b.txt"}
        visitor.ask("COPY", "/notes/a%20%C3%A4.txt", 201, headers=copy)
        visitor.ask("COPY", "/notes/a%20%C3%A4.txt", 412, headers={**copy, "Overwrite": "F"})
        elsewhere = {"Destination": "http://other.example/notes/b.txt"}
        visitor.ask("COPY", "/notes/a%20%C3%A4.txt", 502, headers=elsewhere)
        unlock = {"Lock-Token": locked.headers["lock-token"]}
        visitor.ask("UNLOCK", "/notes/a%20%C3%A4.txt", 204, headers=unlock)
        moved = {"Destination": f"{visitor.url}/c.txt"}
        visitor.ask("MOVE", "/notes/a%20%C3%A4.txt", 201, headers=moved)
        assert visitor.ask("GET", "/c.txt", 200).content == b"second"
        visitor.ask("GET", "/c.txt", 206, headers={"Range": "bytes=1-3"})
        visitor.ask("HEAD", "/c.txt", 200)
        for depth in ("0", "1", "infinity"):
            visitor.ask("PROPFIND", "/notes/", 207, headers={"Depth": depth})
        assert "b.txt" in visitor.ask("GET", "/notes/", 200).text
        visitor.ask("DELETE", "/notes", 204)
        visitor.ask("GET", "/notes/b.txt", 404)

    compared(site, visit, VARYING)


def test_a_large_file_in_chunks(site: Site) -> None:
    pieces = [bytes([n]) * 65536 for n in range(80)]

    def visit(visitor: Visitor) -> None:
        visitor.ask("PUT", "/large.bin", 201, content=iter(pieces))
        assert visitor.ask("GET", "/large.bin", 200).content == b"".join(pieces)

    compared(site, visit, VARYING)
