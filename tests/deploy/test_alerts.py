"""Alerts: each is tried with made series, and tells whoever it wakes what to do."""

import re
import subprocess
import unittest

import yaml

import cast

ALERTS = cast.ROOT / "deploy/prometheus/alerts.yaml"
RUNBOOKS = cast.ROOT / "deploy/docs/runbooks"
TRIALS = cast.ROOT / "tests/deploy/alerts_test.yaml"


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


class Alerts(unittest.TestCase):
    def test_each_fires_when_it_should_and_not_before(self):
        done = subprocess.run([cast.program("promtool"), "test", "rules", TRIALS], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        fired, silent = set(), set()
        for trial in (trial for test in yaml.safe_load(TRIALS.read_text())["tests"] for trial in test["alert_rule_test"]):
            (fired if trial["exp_alerts"] else silent).add(trial["alertname"])
        names = {alert["alert"] for alert in alerts()}
        self.assertEqual((fired, silent), (names, names))

    def test_the_configuration_that_names_them_is_good(self):
        file = cast.ROOT / "deploy/prometheus/prometheus.yml"
        done = subprocess.run([cast.program("promtool"), "check", "config", file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_says_who_is_woken_and_where_to_read_on(self):
        for alert in alerts():
            with self.subTest(alert["alert"]):
                self.assertIn(alert["labels"]["severity"], ("critical", "warning", "info"))
                self.assertTrue((cast.ROOT / alert["annotations"]["runbook"]).is_file())
                self.assertEqual(alert["annotations"]["runbook"], f"deploy/docs/runbooks/{alert['alert']}.md")

    def test_each_page_is_for_an_alert_and_says_what_it_means_what_to_look_at_and_what_to_do(self):
        names = {alert["alert"] for alert in alerts()}
        self.assertEqual({page.stem for page in RUNBOOKS.glob("Smsc*.md")}, names)
        for page in RUNBOOKS.glob("Smsc*.md"):
            with self.subTest(page.stem):
                text = page.read_text()
                self.assertTrue(text.startswith(f"# {page.stem}\n"))
                heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
                self.assertEqual(heads, ["What it means", "Look", "Do"])
