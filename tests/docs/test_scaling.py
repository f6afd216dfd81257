"""The examples for autoscalers in deploy/ ask for what there is, and do what they say."""

import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from prack_grpc.telemetry.scale import TARGET_WAIT
from tests.docs.pages import ROOT, page
from tests.support.tools import needed

RULES = ROOT / "deploy/prometheus/scaling.rules.yml"
SCALE = "/api/v1/scale"
CASES = f"""\
rule_files: [{RULES}]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - series: prack_route_slots_wanted{{route="*/", instance="a"}}
        values: 8x20 40x40 8x40
      - series: prack_slots{{service="web", version="1"}}
        values: 8x60 40x40
    promql_expr_test:
      - expr: prack:route_slots_wanted:max5m
        eval_time: 5m30s
        exp_samples: [{{labels: 'prack:route_slots_wanted:max5m{{route="*/"}}', value: 40}}]
      - expr: prack:route_slots_wanted:max5m
        eval_time: 18m
        exp_samples: [{{labels: 'prack:route_slots_wanted:max5m{{route="*/"}}', value: 40}}]
      - expr: prack:route_slots_wanted:max5m
        eval_time: 21m
        exp_samples: [{{labels: 'prack:route_slots_wanted:max5m{{route="*/"}}', value: 8}}]
    alert_rule_test:
      - {{eval_time: 9m, alertname: PrackSlotsShort, exp_alerts: []}}
      - eval_time: 12m
        alertname: PrackSlotsShort
        exp_alerts:
          - exp_labels: {{severity: warning}}
            exp_annotations:
              summary: "40 slots are wanted, and there are fewer: requests wait too long"
              description: "Start more workers, or raise the limit of the autoscaler."
      - {{eval_time: 16m, alertname: PrackSlotsShort, exp_alerts: []}}
"""


def addresses(name: str) -> list[str]:
    """Those in this file that ask for the signal."""
    return re.findall(rf"http://[^\s\"']+{SCALE}[^\s\"']*", page(name))


def test_rules_do_what_they_say(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yml"
    cases.write_text(CASES)
    promtool = needed("promtool", "prometheus")
    for command in (("check", "rules", RULES), ("test", "rules", cases)):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_examples_ask_for_one_line_and_a_wait() -> None:
    found = [url for name in ("deploy/keda.yaml", "docs/scaling.md") for url in addresses(name)]
    assert len(found) >= 3
    for url in found:
        asked = parse_qs(urlsplit(url).query, strict_parsing=True)
        assert asked.keys() < {"service", "route", "wait"}
        assert asked["wait"] == [f"{TARGET_WAIT:g}"]
