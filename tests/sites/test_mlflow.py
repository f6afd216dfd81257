"""MLflow: experiments, runs and artifacts by its own client, and its page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.acceptance.processes import Launcher
from tests.browser.browser import Browser
from tests.sites.served import Site, Visitor, compared, serving, used

pytestmark = pytest.mark.timeout(300)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("mlflow"), "MLflow") as site:
        yield site


def kept(url: str, folder: Path) -> list[object]:
    """What a client finds again that has recorded one run."""
    client = MlflowClient(url)
    experiment = client.create_experiment("bread")
    run = client.create_run(experiment, run_name="rye").info.run_id
    client.log_param(run, "flour", "Käse")
    for step in range(3):
        client.log_metric(run, "rise", step / 2, step=step, timestamp=step)
    large = folder / "large.bin"
    large.write_bytes(bytes(range(256)) * (3 * MIB // 256))
    client.log_artifact(run, str(large), "loaf")
    client.set_terminated(run)
    [found] = client.search_runs([experiment], "params.flour = 'Käse'")
    fetched = Path(client.download_artifacts(run, "loaf/large.bin", str(folder)))
    with pytest.raises(MlflowException, match="already exists"):
        client.create_experiment("bread")
    return [
        found.info.run_name,
        found.info.status,
        found.data.params,
        found.data.metrics,
        [one.value for one in client.get_metric_history(run, "rise")],
        [(one.path, one.file_size) for one in client.list_artifacts(run, "loaf")],
        fetched.read_bytes() == large.read_bytes(),
    ]


def test_its_client_finds_the_same(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    through, direct = (kept(url, tmp_path) for url in site.both)
    assert through == direct
    assert through[0] == "rye"


def test_answers_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        assert visitor.ask("GET", "/health", 200).text == "OK"
        visitor.ask("GET", "/version", 200)
        visitor.ask("GET", "/", 200)
        found = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=none"
        visitor.ask("GET", found, 404)
        visitor.ask("POST", "/api/2.0/mlflow/runs/create", 400, json={"experiment_id": 5})
        visitor.ask("GET", found, 403, headers={"host": "evil.example"})

    compared(site, visit)


def test_its_page(site: Site, chromium: Browser) -> None:
    def use(url: str) -> None:
        chromium.driver.get(url)
        chromium.see("Experiments")

    used(site, chromium, use, "users/current.* 404")  # a server without accounts has none
