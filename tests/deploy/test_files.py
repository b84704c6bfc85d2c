"""The other files that people install: example configurations, the compose file, the systemd unit, the Containerfile."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

import cast

DEPLOY = cast.ROOT / "deploy"


def check(text, folder, environment=()):
    """What `smsc check` complains of, with the files that the configuration names made for it in that folder."""
    folder = pathlib.Path(folder)
    for named in re.findall(r'"(/etc/smsc/[^"]+)"', text):
        file = pathlib.Path(f"{folder}{named}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(cast.certificate().get(file.name, "change-me-change-me-change-me"))
    file = folder / "smsc.toml"
    file.write_text(text.replace('"/etc/smsc/', f'"{folder}/etc/smsc/'))
    done = subprocess.run([cast.smsc(), "check", file], capture_output=True, text=True, env={**os.environ, **dict(environment)})
    return done.stderr


class ExampleConfigurations(unittest.TestCase):
    def test_the_node_takes_each(self):
        files = [DEPLOY / "smsc.example.toml", *(DEPLOY / "examples").glob("*.toml")]
        self.assertGreaterEqual(len(files), 4)
        for file in files:
            with self.subTest(file.name), tempfile.TemporaryDirectory() as folder:
                self.assertEqual(check(file.read_text(), folder), "")

    def test_a_message_passes_through_the_one_for_trials(self):
        text = (DEPLOY / "examples/trial.toml").read_text()
        smpp, web = cast.free_port(), cast.free_port()
        with tempfile.TemporaryDirectory() as folder, cast.operator() as operator:
            text = text.replace("127.0.0.1:2775", f"127.0.0.1:{smpp}").replace("127.0.0.1:2875", f"127.0.0.1:{operator}")
            file = pathlib.Path(folder, "smsc.toml")
            file.write_text(f'{text}\n[http]\naddress = "127.0.0.1:{web}"\n')
            with cast.process(cast.smsc(), "run", "--config", file, cwd=folder):
                cast.until("the node is ready", lambda: (cast.get(web, "/readyz") or (0,))[0] == 200)
                send = [cast.smsc(), "send", "--to=46701234567", f"--smsc=127.0.0.1:{smpp}"]
                done = subprocess.run(send, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class TheComposeFile(unittest.TestCase):
    def setUp(self):
        self.file = DEPLOY / "compose.yaml"
        self.services = yaml.safe_load(self.file.read_text())["services"]

    def test_is_one(self):
        command = [cast.beside_python("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", self.file]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_mounts_files_that_are_there(self):
        for name, service in self.services.items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("./") and source != "./compose/made":
                    self.assertTrue((DEPLOY / source).exists(), f"{name}: {source}")

    def test_prepares_what_no_repository_holds_and_runs_nodes_on_it(self):
        with tempfile.TemporaryDirectory() as folder:
            made = pathlib.Path(folder, "etc/smsc/made")
            made.parent.mkdir(parents=True)
            for _ in range(2):
                subprocess.run([DEPLOY / "compose/prepare", made], check=True)
            before = {file.name: file.read_text() for file in made.iterdir()}
            self.assertEqual(set(before), {"token", "tls.crt", "tls.key"})
            text = (DEPLOY / "compose/smsc.toml").read_text().replace('"/etc/smsc/made', f'"{made}')
            for name in ("smsc-0", "smsc-1", "smsc-2"):
                environment = {**self.services[name]["environment"], "SMSC__NODE__NAME": self.services[name]["hostname"]}
                self.assertEqual(check(text, folder, environment.items()), "")

    def test_balancer_and_prometheus_know_its_nodes(self):
        nodes = {name for name in self.services if name.startswith("smsc-")}
        balanced = set(re.findall(r"^ +server (\S+) \1:277[78]$", (DEPLOY / "haproxy.cfg").read_text(), re.MULTILINE))
        jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
        scraped = {target.split(":")[0] for job in jobs if job["job_name"] == "smsc" for target in job["static_configs"][0]["targets"]}
        self.assertEqual((balanced, scraped), (nodes, nodes))

    def test_gives_a_node_the_time_that_its_drain_takes(self):
        deadline = int(re.search(r'deadline = "(\d+)s"', (DEPLOY / "compose/smsc.toml").read_text())[1])
        for name in ("smsc-0", "smsc-1", "smsc-2"):
            self.assertGreaterEqual(int(self.services[name]["stop_grace_period"].removesuffix("s")), deadline + 15)


class TheSystemdUnit(unittest.TestCase):
    def test_is_one_and_keeps_the_node_in(self):
        analyze = cast.program("systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder, "smsc.service")
            unit.write_text((DEPLOY / "smsc.service").read_text().replace("/usr/local/bin/smsc", str(cast.smsc())))
            done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
            self.assertEqual((done.returncode, [line for line in done.stderr.splitlines() if "smsc" in line]), (0, []))
            done = subprocess.run([analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:])

    def test_gives_the_node_the_time_that_its_drain_takes(self):
        unit = (DEPLOY / "smsc.service").read_text()
        self.assertGreaterEqual(int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]), 90 + 15)

    def test_does_not_try_again_what_cannot_be(self):
        self.assertIn("RestartPreventExitStatus=2", (DEPLOY / "smsc.service").read_text())
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "smsc.toml")
            file.write_text("[node]\nnumber = 99\n")
            self.assertEqual(subprocess.run([cast.smsc(), "run", "--config", file], capture_output=True).returncode, 2)


class Scripts(unittest.TestCase):
    def test_are_clean(self):
        here = pathlib.Path(__file__).parent
        scripts = [DEPLOY / "build-image", DEPLOY / "compose/prepare", here / "run", here / "readme"]
        done = subprocess.run([cast.program("shellcheck"), *scripts], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_containerfile_is_clean(self):
        done = subprocess.run([cast.beside_python("hadolint"), DEPLOY / "Containerfile"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
