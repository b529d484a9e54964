"""What `deploy/` ships works with the Prometheus that Debian has; the alerts themselves are tested in rules_test.yml.

That each metric they name exists is held by tests/api/test_metrics.py.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing; scripts/setup has it")


@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", DEPLOY / "prometheus-rules.yml"),
        ("check", "config", DEPLOY / "prometheus.yml"),
        ("test", "rules", HERE / "rules_test.yml"),
    ],
    ids=["rules", "scrape", "alerts"],
)
def test_promtool_finds_nothing_wrong(check: tuple[str, str, Path]) -> None:
    """The rules, the example of what to scrape, and when each alert fires."""
    done = subprocess.run(["promtool", *map(str, check)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    """And in another moment or for other labels does not, as each test lists all that fire."""
    rules = yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((HERE / "rules_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules if "alert" in rule}
