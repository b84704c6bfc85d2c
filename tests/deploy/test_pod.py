"""What the chart asks for, run: the node starts on it, is ready as the probes ask, and goes within its grace period."""

import copy
import signal
import subprocess
import time
import unittest

import yaml

import cast
import helm
import pod


class ThePodOfEachValueSet(unittest.TestCase):
    def test_has_a_configuration_that_the_node_takes(self):
        for name in helm.value_sets():
            given = copy.deepcopy(helm.values(name))
            if given.pop("existingConfig", None):
                continue
            with self.subTest(name), pod.pod(helm.render(given)) as made:
                file = made.container["args"][-1]
                done = subprocess.run(made.command("check", file), env=made.environment(), capture_output=True, text=True)
                self.assertEqual(cast.without_cluster(done.stderr), "", done.stderr)
                self.assertIn(done.returncode, (0, 2) if done.stderr else (0,))

    def test_has_the_users_own_configuration_where_the_node_looks_for_it(self):
        documents = helm.objects("existing-secrets")
        spec = helm.one(documents, "StatefulSet")["spec"]["template"]["spec"]
        self.assertEqual(spec["containers"][0]["args"], ["run", "--config", "/etc/smsc/config/smsc.toml"])
        volume = next(volume for volume in spec["volumes"] if volume["name"] == "config")
        self.assertEqual(volume["secret"]["secretName"], "smsc-config")

    def test_knows_every_key_that_the_schema_knows(self):
        schema = yaml.safe_load((helm.CHART / "values.schema.json").read_text())["properties"]
        config = yaml.safe_load(helm.configuration(helm.objects("full")))
        keys = lambda part: set(part["properties"]) - {"passwordSecret"}
        for section in ("session", "router", "store", "drain", "cdr", "telemetry"):
            left = keys(schema["config"]["properties"][section]) - set(config[section])
            self.assertLessEqual(left, {"postgres", "otlp_endpoint", "folder"}, section)
        for values, section in (("accounts", "account"), ("operators", "operator"), ("routes", "route"), ("moRoutes", "mo_route")):
            given = set().union(*config[section])
            left = keys(schema[values]["items"]) - given
            self.assertLessEqual(left, {"password", "password_hash", "exclusive"}, section)


class ANodeInItsPod(unittest.TestCase):
    def test_is_ready_as_its_probes_ask_and_goes_within_its_grace_period(self):
        given = helm.values("single-node")
        documents = helm.render({**given, "accounts": [{"system_id": "bank", "password": "secret"}]})
        with pod.pod(documents) as made:
            arguments = made.container["args"]
            with cast.process(*made.command(*arguments), env=made.environment()) as child:
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    asked = made.container[probe]["httpGet"]
                    path, port = asked["path"], made.port(asked["port"])
                    cast.until(f"{path} is fine", lambda: inside(child, f"http://127.0.0.1:{port}{path}") == "200")
                self.assertEqual(inside(child, f"http://127.0.0.1:{made.port('http')}/metrics"), "200")
                bound = subprocess.Popen(
                    ["nsenter", f"--net=/proc/{child.pid}/ns/net", cast.smsc(), "load", "--idle", "--binds=3", "--duration=60s"]
                    + [f"--smsc=127.0.0.1:{made.port('smpp')}", "--system-id=bank", "--password=secret"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
                try:
                    sessions = lambda: "smsc_sessions{account=\"bank\",bind_type=\"trx\",side=\"esme\"} 3" in page(child, made)
                    cast.until("three ESMEs are bound", sessions)
                    began = time.monotonic()
                    child.send_signal(signal.SIGTERM)
                    grace = made.spec["terminationGracePeriodSeconds"]
                    self.assertEqual(child.wait(timeout=grace), 0)
                    self.assertLess(time.monotonic() - began, grace - 15, "there is a margin")
                finally:
                    bound.kill()
                    bound.wait()


def inside(child, url):
    """The status that a probe is told inside the pod's network."""
    asked = ["nsenter", f"--net=/proc/{child.pid}/ns/net", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
    return subprocess.run(asked, capture_output=True, text=True).stdout


def page(child, made):
    asked = ["nsenter", f"--net=/proc/{child.pid}/ns/net", "curl", "-s", f"http://127.0.0.1:{made.port('http')}/metrics"]
    return subprocess.run(asked, capture_output=True, text=True).stdout
