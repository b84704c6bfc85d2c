"""Prometheus, a real one, scrapes a node under a little load: what alerts and dashboards ask for is there."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import yaml

import cast
import promql
from esme import BIND_TRANSCEIVER, ENQUIRE_LINK, Esme
from test_alerts import ALERTS, rules
from test_docs import mentions

DASHBOARDS = sorted((cast.ROOT / "deploy/grafana").glob("*.json"))
# Labels whose values are few and fixed: an expression that names another one waits for ever.
CLOSED = {"side", "direction", "command", "state", "result", "scope", "op", "bind_type"}

# What a single node with its embedded journal has nothing to say of, with its labels: peers, and PostgreSQL.
ELSEWHERE = {
    "smsc_cluster_members": {"state"},
    "smsc_cluster_peer_up": {"peer"},
    "smsc_cluster_peers_forgotten_total": set(),
    "smsc_cluster_rpc_errors_total": {"peer", "method", "code"},
    "smsc_otlp_spans_total": {"result"},
    "smsc_store_adoptions_total": set(),
    "smsc_store_partitions_failed": set(),
    "smsc_store_replicated": set(),
}


def expressions():
    """Every expression, with where it stands."""
    for file in DASHBOARDS:
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}: {panel['title']}", target["expr"]
        for annotation in board["annotations"]["list"]:
            yield f"{file.name}: {annotation['name']}", annotation["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{file.name}: {variable['name']}", variable["query"]["query"]
    for rule in rules():
        yield f"alerts.yaml: {rule.get('alert') or rule['record']}", rule["expr"]


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = contextlib.ExitStack()
        try:
            cls.prepare()
        except BaseException:
            cls.stage.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    @classmethod
    def prepare(cls):
        """A node to which everything has happened that it counts, and a Prometheus that looks at it."""
        prometheus = cast.program("prometheus")
        port = cls.stage.enter_context(cast.operator("--mo-rate", "5", "--mo-to", "72345", "--error-rate", "0.1:ESME_RSYSERR"))
        # Who says nothing is found soon, and nobody else is taken for silent on a machine that is busy.
        session = 'enquire_link = "2s"\nenquire_link_misses = 1\nresponse = "4s"'
        cls.node = cls.stage.enter_context(cast.node(port, secure=True, session=session))
        cls.happenings(cls.node)
        folder = pathlib.Path(cls.stage.enter_context(tempfile.TemporaryDirectory()))
        config = yaml.safe_load((cast.ROOT / "deploy/prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] == "smsc"]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{cls.node.http}"]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alerts.yaml").write_text(ALERTS.read_text())
        cls.prometheus = cast.free_port()
        arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        cls.stage.enter_context(cast.process(prometheus, *arguments, f"--web.listen-address=127.0.0.1:{cls.prometheus}"))
        cast.until("Prometheus is ready", lambda: (cast.get(cls.prometheus, "/-/ready") or (0,))[0] == 200)
        cast.until("Prometheus has scraped the node", lambda: cls.ask('up{job="smsc"} == 1'))
        # Rates want counters that move between scrapes.
        cls.node.load("--binds=2", "--rate=200", "--duration=4s", "--to-prefix=46", "--to-prefix=44", "--drain=0s")
        cls.page = cls.node.metrics()
        cls.samples = promql.samples(cls.page)
        asked = {name for _, expression in expressions() for name, _ in promql.selectors(expression)}
        exposed = {line.split(" ")[2] for line in cls.page.splitlines() if line.startswith("# TYPE")}
        unseen = sorted(name for name in exposed if not any(one == name or one.startswith(name + "_") for one in asked))
        if unseen:
            print("on no dashboard and in no alert:", *unseen)

    @staticmethod
    def happenings(node):
        node.load("--binds=2", "--rate=200", "--duration=1s", "--to-prefix=46", "--drain=1s")
        with Esme("127.0.0.1", node.smpp) as stranger:
            stranger.bind(password="wrong")
        with Esme("127.0.0.1", node.tls) as in_clear, Esme("127.0.0.1", node.smpp) as silent:
            in_clear.send(ENQUIRE_LINK)
            silent.bind()
            silent.submit("")
            # A second bind on one connection is against the protocol.
            silent.send(BIND_TRANSCEIVER, bytes(7))
            # It says nothing more, so the node's enquire_link is not answered.
            cast.until("the silent one is closed", lambda: "smsc_enquire_link_timeouts_total" in node.metrics())

    def test_promtool_finds_nothing_in_the_nodes_page(self):
        done = subprocess.run([cast.program("promtool"), "check", "metrics"], input=self.page, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_each_metric_and_label_of_alerts_and_dashboards_is_one_that_the_node_exposes(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        for where, expression in expressions():
            with self.subTest(where, expression=expression):
                named = promql.selectors(expression)
                self.assertTrue(named, "it names no metric")
                labels = set(promql.OF_THE_SCRAPE)
                for name, matchers in named:
                    if name == "up" or name in recorded:
                        labels |= {"link"}
                        continue
                    if name in ELSEWHERE:
                        labels |= ELSEWHERE[name]
                        self.assertLessEqual({label for label, _, _ in matchers}, labels)
                        continue
                    self.assertIn(name, self.samples)
                    exposed = {label for sample in self.samples[name] for label in sample}
                    labels |= exposed
                    for label, operator, value in matchers:
                        self.assertIn(label, exposed | promql.OF_THE_SCRAPE)
                        if label in CLOSED and operator == "=":
                            self.assertIn(value, {sample.get(label) for sample in self.samples[name]})
                if "label_values" not in expression:
                    self.assertLessEqual(promql.groupings(expression), labels)

    def test_metrics_of_peers_of_postgresql_and_of_spans_are_in_the_nodes_source(self):
        sources = "".join(file.read_text() for part in ("node", "store") for file in (cast.ROOT / part / "src").rglob("*.rs"))
        for name in ELSEWHERE:
            with self.subTest(name):
                self.assertIn(f'"{name}"', sources)
                self.assertNotIn(name, self.samples, "the node exposes it: it needs no exception")

    def test_each_panel_shows_something(self):
        for where, expression in expressions():
            if "label_values" in expression or where.startswith("alerts.yaml") or where.endswith(("Started", "Draining")):
                continue
            with self.subTest(where, expression=expression):
                self.assertTrue(self.ask(filled(expression)), "Prometheus has no data for it")

    def test_metrics_that_the_documentation_names_are_the_nodes(self):
        for page, found in mentions(r"`(smsc_[a-z_]+)"):
            with self.subTest(page.name, metric=found[1]):
                self.assertTrue(found[1] in ELSEWHERE or found[1] in self.samples or found[1] + "_count" in self.samples)

    def test_the_operator_that_is_away_is_on_its_way_to_an_alert_and_nothing_else_is(self):
        pending = lambda: {series["metric"]["alertname"] + " " + series["metric"].get("link", "") for series in self.ask("ALERTS")}
        cast.until("SmscLinkDown waits to fire", lambda: "SmscLinkDown south" in pending())
        self.assertNotIn("SmscLinkDown north", pending())
        self.assertNotIn("SmscNodeDown ", pending())

    @classmethod
    def ask(cls, expression):
        """What Prometheus has for it now."""
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(cast.get(cls.prometheus, f"/api/v1/query?{query}")[1])
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]


def filled(expression):
    """As Grafana asks, with everything selected and rates over seconds."""
    text = expression.replace("$__rate_interval", "5s")
    return re.sub(r"\[(15m|1h|5m)\]", "[5s]", re.sub(r"\$(namespace|job|instance|link|account)\b", ".*", text))


class Dashboards(unittest.TestCase):
    def test_each_can_be_provisioned_and_read(self):
        seen = set()
        for file in DASHBOARDS:
            board = json.loads(file.read_text())
            with self.subTest(file.name):
                self.assertIsNone(board["id"], "provisioned dashboards have no id of their own")
                self.assertNotIn(board["uid"], seen)
                seen.add(board["uid"])
                ids = [panel["id"] for panel in board["panels"]]
                self.assertEqual(len(ids), len(set(ids)))
                for panel in (panel for panel in board["panels"] if panel["type"] != "row"):
                    self.assertTrue(panel["title"] and panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"])
                    self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                    self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24)
        linked = {link["url"].split("/")[2] for file in DASHBOARDS for link in json.loads(file.read_text())["links"]}
        self.assertEqual(linked, seen)
