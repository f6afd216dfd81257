"""Datasette: pages, JSON, a streamed CSV, static files."""

from collections.abc import Iterator

import pytest

from tests.acceptance.processes import Launcher
from tests.sites.served import Site, Visitor, compared, serving

pytestmark = pytest.mark.timeout(300)
# How long a query took, and the token of a form.
VARYING = (
    r"Queries took [\d.]+ms",
    r'"query_ms": [\d.]+',
    r'name="csrftoken" value="[^"]+"',
    r"ds_csrftoken=[^;]+",
)


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("datasette"), "Datasette") as site:
        yield site


def test_pages_and_data_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        for target in ("/", "/shop", "/shop/goods", "/shop/goods/7", "/-/static/app.css"):
            assert visitor.ask("GET", target, 200).content
        visitor.ask("HEAD", "/shop", 200)
        rows = visitor.ask("GET", "/shop/goods.json?_size=max&_shape=array", 200).json()
        assert rows[6] == {"id": 7, "name": "thing 7 ä", "cents": 70}
        csv = visitor.ask("GET", "/shop/goods.csv?_stream=on", 200).text
        assert len(csv.splitlines()) == 301
        visitor.ask("GET", "/shop?sql=select+sum(cents)+from+goods", 200)
        visitor.ask("GET", "/shop.json?sql=drop+table+goods", 400)
        visitor.ask("GET", "/shop/none", 404)
        visitor.ask("GET", "/shop/goods/", 302)
        visitor.ask("POST", "/-/messages", 302, data={"message": "well done"})
        assert "well done" in visitor.ask("GET", "/shop", 200).text

    compared(site, visit, VARYING)
