"""What the chart asks for, run: the node starts on it, is ready as the probes ask, and goes within its grace period."""

import contextlib
import copy
import re
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
                self.assertEqual(done.stderr, "", done.stderr)
                self.assertEqual(done.returncode, 0)

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
    """A value set as one would write it for a first customer, with the test that `helm test` carries out."""

    @classmethod
    def setUpClass(cls):
        cls.documents = helm.render({
            **helm.values("single-node"),
            "accounts": [{"system_id": "bank"}],
            "operators": [{"name": "north", "addresses": ["127.0.0.1:2875"], "system_id": "smsc"}],
            "passwords": {"values": {"account-bank": "secret", "operator-north": "x"}},
            "test": {"to": "46701234567", "systemId": "bank"},
        })

    def test_is_ready_as_its_probes_ask_and_goes_within_its_grace_period(self):
        with self.running() as (made, child):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = made.container[probe]["httpGet"]
                path, port = asked["path"], made.port(asked["port"])
                cast.until(f"{path} is fine", lambda: get(child, port, path).endswith("200"))
            idle = ["load", "--idle", "--binds=3", "--duration=60s", "--system-id=bank", "--password=secret"]
            with cast.process(*inside(child), cast.smsc(), *idle, f"--smsc=127.0.0.1:{made.port('smpp')}"):
                bound = 'smsc_sessions{account="bank",bind_type="trx",side="esme"} 3'
                cast.until("three ESMEs are bound", lambda: bound in get(child, made.port("http"), "/metrics"))
                began = time.monotonic()
                child.send_signal(signal.SIGTERM)
                grace = made.spec["terminationGracePeriodSeconds"]
                self.assertEqual(child.wait(timeout=grace), 0)
                self.assertLess(time.monotonic() - began, grace - 15, "there is a margin")

    def test_passes_the_test_of_its_release_when_its_operator_is_there_and_fails_it_when_not(self):
        test = helm.one(self.documents, "Pod")["spec"]["containers"][0]
        secret = test["env"][0]["valueFrom"]["secretKeyRef"]
        password = helm.one(self.documents, "Secret", secret["name"])["stringData"][secret["key"]]
        service = helm.one(self.documents, "Service", "demo-smsc-esme")["metadata"]["name"]
        with self.running() as (made, child):
            cast.until("the node is ready", lambda: get(child, made.port("http"), "/readyz").endswith("200"))

            def release_test(wait):
                arguments = [a.replace("$(PASSWORD)", password).replace(service, "127.0.0.1") for a in test["args"]]
                arguments = [f"--wait={wait}" if a.startswith("--wait=") else a for a in arguments]
                return subprocess.run([*inside(child), cast.smsc(), *arguments], capture_output=True, text=True)

            self.assertEqual(release_test("1s").returncode, 1, "there is no operator")
            with cast.process(*inside(child), cast.smsc(), "simulate-operator", "--listen=127.0.0.1:2875"):
                done = release_test("30s")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_takes_the_token_that_the_chart_makes_as_an_admins_and_takes_up_a_password_without_a_new_pod(self):
        with self.running() as (made, child):
            cast.until("the node is ready", lambda: get(child, made.port("http"), "/readyz").endswith("200"))
            token = made.folder / "etc/smsc/token/token"
            node = f"--node=http://127.0.0.1:{made.port('http')}"

            def ctl(*arguments):
                return subprocess.run([*inside(child), cast.smsc(), "ctl", node, *arguments], capture_output=True, text=True)

            self.assertIn("no token", ctl("config", "reload").stderr)
            self.assertEqual(ctl("--token-file", token, "config", "reload").returncode, 0)
            load = ["load", "--idle", "--binds=1", "--duration=1s", "--system-id=bank", "--password=another"]
            bind = [*inside(child), cast.smsc(), *load, f"--smsc=127.0.0.1:{made.port('smpp')}"]
            binds = lambda: subprocess.run(bind, capture_output=True).returncode == 0
            self.assertFalse(binds(), "that is not the password yet")
            loaded = lambda: re.search(r"^smsc_config_last_reload_success_timestamp_seconds (.*)$", get(child, made.port("http"), "/metrics"), re.M)[1]
            before = loaded()
            (made.folder / "etc/smsc/passwords/account-bank").write_text("another")
            cast.until("the node has seen it", lambda: loaded() != before)
            # After a failure the next bind may have to wait.
            cast.until("the new password counts", binds)

    @contextlib.contextmanager
    def running(self):
        with pod.pod(self.documents) as made:
            with cast.process(*made.command(*made.container["args"]), env=made.environment()) as child:
                cast.until("the pod has its network", lambda: get(child, made.port("http"), "/livez").endswith("200"))
                yield made, child


def inside(child):
    """What puts a command into the pod's network."""
    return ["nsenter", f"--net=/proc/{child.pid}/ns/net"]


def get(child, port, path):
    """Body and status of a page inside the pod."""
    command = [*inside(child), "curl", "-s", "-w", "%{http_code}", f"http://127.0.0.1:{port}{path}"]
    return subprocess.run(command, capture_output=True, text=True).stdout
