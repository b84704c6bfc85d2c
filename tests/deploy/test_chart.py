"""The chart: what it renders, what it refuses."""

import copy
import pathlib
import subprocess
import tempfile
import unittest

import helm_python
import kubernetes_validate
import yaml

import cast
import helm
import semantics


class TheChart(unittest.TestCase):
    def test_lint_has_nothing_to_say_about_any_value_set(self):
        for name in helm.value_sets():
            with self.subTest(name):
                report = helm_python.lint(str(helm.CHART), helm.values(name), strict=True)
                said = [message for message in report["messages"] if message["error"] != "icon is recommended"]
                self.assertEqual((report["errors"], said), ([], []))

    def test_every_object_is_what_three_versions_of_kubernetes_expect(self):
        checked = 0
        for name in helm.value_sets():
            for version in helm.kubernetes_of(name):
                for document in helm.objects(name):
                    with self.subTest(name, version=version, kind=document["kind"]):
                        try:
                            kubernetes_validate.validate(document, version, strict=True)
                            checked += 1
                        except kubernetes_validate.SchemaNotFoundError:
                            self.assertIn(document["apiVersion"], ("monitoring.coreos.com/v1", "cert-manager.io/v1"))
        self.assertGreater(checked, 250)

    def test_objects_of_the_prometheus_operator_and_cert_manager_are_what_their_definitions_expect(self):
        modules = cast.tool("SMSC_DEPLOY_NODE_MODULES")
        with tempfile.TemporaryDirectory() as folder:
            for name in helm.value_sets():
                text = yaml.safe_dump_all(helm.objects(name))
                pathlib.Path(folder, f"{name}.yaml").write_text(text)
            script = pathlib.Path(folder, "crd.mjs")
            script.write_text((pathlib.Path(__file__).parent / "crd.mjs").read_text())
            pathlib.Path(folder, "node_modules").symlink_to(modules)
            done = subprocess.run(["node", script, folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_objects_of_each_value_set_fit_each_other(self):
        for name in helm.value_sets():
            with self.subTest(name):
                self.assertEqual(semantics.faults(helm.objects(name)), [])

    def test_the_schema_is_one_and_the_values_keep_to_it(self):
        schema = helm.CHART / "values.schema.json"
        files = [helm.CHART / "values.yaml"]
        for arguments in (["--check-metaschema", schema], ["--schemafile", schema, *files]):
            done = subprocess.run([cast.beside_python("check-jsonschema"), *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_yaml_is_written_tidily(self):
        files = [helm.CHART / "values.yaml", helm.CHART / "Chart.yaml", *helm.VALUES.glob("*.yaml")]
        rules = "{extends: relaxed, rules: {line-length: disable, comments: {min-spaces-from-content: 1}}}"
        done = subprocess.run([cast.beside_python("yamllint"), "-s", "-d", rules, *files], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_package_is_the_same_twice_and_carries_the_alerts(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            digests = {helm_python.digest(helm_python.package(str(helm.CHART), destination=to)) for to in (one, two)}
            names = subprocess.run(["tar", "tzf", *pathlib.Path(one).glob("*.tgz")], capture_output=True, text=True).stdout
        self.assertEqual(len(digests), 1)
        self.assertIn("smsc/files/alerts.yaml", names)
        self.assertIn("smsc/files/dashboards/service.json", names)

    def test_installed_alerts_are_the_ones_that_were_tested(self):
        rule = helm.one(helm.objects("full"), "PrometheusRule")
        self.assertEqual(rule["spec"], yaml.safe_load((helm.ROOT / "deploy/prometheus/alerts.yaml").read_text()))

    def test_the_readme_lists_every_value(self):
        modules = cast.tool("SMSC_DEPLOY_NODE_MODULES")
        with tempfile.TemporaryDirectory() as folder:
            readme = pathlib.Path(folder, "README.md")
            readme.write_text((helm.CHART / "README.md").read_text())
            generator = pathlib.Path(modules, ".bin/readme-generator")
            done = subprocess.run([generator, "-v", helm.CHART / "values.yaml", "-r", readme], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(readme.read_text(), (helm.CHART / "README.md").read_text(), "run tests/deploy/readme")


class ARelease(unittest.TestCase):
    def test_only_what_a_node_cannot_take_up_while_it_runs_rolls_the_pods(self):
        self.assertEqual(self.checksum(), self.checksum(accounts=[{"system_id": "new"}]))
        self.assertEqual(self.checksum(), self.checksum(operators=[{"name": "n", "addresses": ["n.example:2775"], "system_id": "s"}]))
        self.assertEqual(self.checksum(), self.checksum(config={"telemetry": {"log_level": "debug"}}))
        self.assertNotEqual(self.checksum(), self.checksum(config={"store": {"messages_max": 5}}))

    def test_with_all_every_change_of_the_configuration_rolls_the_pods(self):
        every = lambda **given: self.checksum(configChecksum="all", **given)
        self.assertNotEqual(every(), every(config={"telemetry": {"log_level": "debug"}}))

    def test_the_password_and_the_authority_of_a_database_come_from_its_secrets(self):
        documents = helm.objects("cloudnativepg")
        found = yaml.safe_load(helm.configuration(documents))["store"]["postgres"]
        self.assertEqual((found["password_file"], found["ca"]), ("/etc/smsc/database/password", "/etc/smsc/database/ca.crt"))
        spec = helm.one(documents, "StatefulSet")["spec"]["template"]["spec"]
        volume = next(volume for volume in spec["volumes"] if volume["name"] == "database")
        names = {source["secret"]["name"] for source in volume["projected"]["sources"]}
        self.assertEqual(names, {"smsc-db-app", "smsc-db-ca"})

    def test_a_large_number_stays_a_number(self):
        text = helm.configuration(helm.render({"config": {"store": {"messages_max": 20_000_000_000}}}))
        self.assertIn("messages_max: 20000000000", text)

    def test_a_quarter_of_the_memory_is_for_messages(self):
        for limit, expected in (("2Gi", "512MiB"), ("1500Mi", "375MiB"), (1 << 30, "256MiB")):
            text = helm.configuration(helm.render({"resources": {"limits": {"memory": limit}}}))
            self.assertEqual(yaml.safe_load(text)["store"]["memory_max"], expected)

    def test_passwords_in_the_values_make_the_configuration_a_secret(self):
        account = {"system_id": "bank", "password": "in clear"}
        kinds = lambda given: {d["kind"] for d in helm.render(given) if d["metadata"]["name"] == "demo-smsc-config"}
        self.assertEqual(kinds({"accounts": [account]}), {"Secret"})
        self.assertEqual(kinds({"accounts": [{"system_id": "bank"}]}), {"ConfigMap"})

    def test_a_listener_with_a_service_of_its_own_is_not_in_the_shared_one(self):
        documents = helm.objects("haproxy-proxyv2")
        ports = lambda name: [port["name"] for port in helm.one(documents, "Service", name)["spec"]["ports"]]
        self.assertEqual(ports("demo-smsc-esme"), ["smpp"])
        self.assertEqual(ports("demo-smsc-smpp-proxy"), ["smpp-proxy"])

    def test_a_listener_of_the_users_own_needs_a_port_only(self):
        documents = helm.render({"listeners": {"partner": {"enabled": True, "port": 2780}}})
        self.assertEqual(semantics.faults(documents), [])
        self.assertIn({"address": "0.0.0.0:2780"}, yaml.safe_load(helm.configuration(documents))["listener"])

    def test_metrics_and_api_are_on_no_balancer(self):
        for name in helm.value_sets():
            for service in (d for d in helm.objects(name) if d["kind"] == "Service"):
                if service["spec"].get("type", "ClusterIP") != "ClusterIP":
                    targets = {port["targetPort"] for port in service["spec"]["ports"]}
                    self.assertFalse(targets & {"http", "grpc", "agent-check"}, name)

    def test_the_notes_warn_of_what_loses_messages(self):
        self.assertIn("WARNING: persistence.enabled is false", helm.notes(helm.values("minimal")))
        self.assertNotIn("WARNING", helm.notes(helm.values("full")))

    @staticmethod
    def checksum(**given):
        spec = helm.one(helm.render(given), "StatefulSet")["spec"]["template"]
        return spec["metadata"]["annotations"]["checksum/config"]


class AWrongValue(unittest.TestCase):
    """Is refused before anything is installed, and the message says what to do."""

    def test_a_misspelt_key_is_refused(self):
        self.refused({"replicacount": 3}, "replicacount")
        self.refused({"config": {"store": {"mesages_max": 3}}}, "mesages_max")
        self.refused({"accounts": [{"system_id": "a", "bind_max": 3}]}, "bind_max")

    def test_a_value_of_the_wrong_kind_or_out_of_range_is_refused(self):
        self.refused({"replicaCount": "three"}, "replicaCount")
        self.refused({"replicaCount": 61}, "60")
        self.refused({"config": {"drain": {"deadline": "soon"}}}, "deadline")
        self.refused({"listeners": {"a-name-that-is-too-long": {"enabled": True, "port": 1}}}, "a-name-that-is-too-long")
        self.refused({"image": {"tag": "latest"}}, "tag")

    def test_a_grace_period_shorter_than_the_drain_is_refused(self):
        self.refused({"terminationGracePeriodSeconds": 60}, "at least 105")

    def test_a_longer_drain_makes_the_grace_period_longer(self):
        documents = helm.render({"config": {"drain": {"deadline": "5m"}}})
        spec = helm.one(documents, "StatefulSet")["spec"]["template"]["spec"]
        self.assertEqual(spec["terminationGracePeriodSeconds"], 330)

    def test_nodes_that_do_not_know_each_other_are_refused(self):
        self.refused({"cluster": {"enabled": False}}, "keep receipts from their customers")

    def test_a_journal_in_postgresql_without_a_database_is_refused(self):
        self.refused({"config": {"store": {"journal": "postgres"}}}, "names no database")

    def test_tls_without_a_certificate_is_refused(self):
        self.refused({"listeners": {"smpps": {"enabled": True}}}, "listeners.smpps.tls.existingSecret")
        self.refused({"cluster": {"tls": {"enabled": True}}}, "cluster.tls.existingSecret")

    def test_a_proxy_header_from_nobody_is_refused(self):
        self.refused({"listeners": {"smpp-proxy": {"enabled": True}}}, "trustedProxies is empty")

    def test_a_node_nobody_can_connect_to_is_refused(self):
        self.refused({"listeners": {"smpp": {"enabled": False}}}, "none is enabled")

    def test_a_console_in_clear_is_refused(self):
        self.refused({"ingress": {"enabled": True, "host": "a.example"}}, "in clear")

    def refused(self, given, reason):
        with self.assertRaises(helm_python.HelmError) as caught:
            helm.render(copy.deepcopy(given))
        self.assertIn(reason, str(caught.exception))
