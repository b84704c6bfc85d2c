"""Documentation does not speak of what is not there."""

import json
import re
import subprocess
import unittest

import cast
import helm

DOCS = [*(cast.ROOT / "deploy/docs").rglob("*.md"), cast.ROOT / "helm/README.md"]


def mentions(pattern):
    """What fits the pattern in the documentation, the runbooks and the alerts, with the page."""
    for page in [*DOCS, cast.ROOT / "deploy/prometheus/alerts.yaml"]:
        for found in re.finditer(pattern, page.read_text()):
            yield page, found


class Documentation(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page, found in mentions(r"\]\(([^)#\s]+)\)"):
            if "://" not in found[1]:
                with self.subTest(page.name, link=found[1]):
                    self.assertTrue((page.parent / found[1]).exists())

    def test_keys_of_the_configuration_and_events_of_the_log_are_the_nodes(self):
        schema = json.loads((helm.CHART / "values.schema.json").read_text())["properties"]
        sections = {name: set(part["properties"]) for name, part in schema["config"]["properties"].items()}
        sections |= {"account": set(schema["accounts"]["items"]["properties"]), "operator": set(schema["operators"]["items"]["properties"])}
        sections |= {"node": {"name", "number", "data_dir"}, "http": {"address", "token_file", "agent_check"}}
        sources = "".join(file.read_text() for file in (cast.ROOT / "node/src").rglob("*.rs"))
        events = set(re.findall(r'event = "([a-z_.]+)"', sources))
        for page, found in mentions(rf"`({'|'.join(sections)})\.([a-z_]+)\b(?!\.)"):
            if found[0].lstrip("`") not in events | {"node.toml"}:
                with self.subTest(page.name, key=found[0]):
                    self.assertIn(found[2], sections[found[1]])

    def test_values_of_the_chart_are_the_charts(self):
        schema = json.loads((helm.CHART / "values.schema.json").read_text())
        own = ("metrics", "passwords", "persistence", "updateStrategy", "certManager", "image", "preStop", "test")
        for page, found in mentions(rf"(?:`|--set )(({'|'.join(own)})(?:\.[A-Za-z]+)+)"):
            with self.subTest(page.name, value=found[1]):
                part = schema
                for name in found[1].split("."):
                    part = part["properties"].get(name)
                    self.assertIsNotNone(part, name)

    def test_commands_and_options_are_the_binarys(self):
        help_of = lambda *command: subprocess.run([cast.smsc(), *command, "--help"], capture_output=True, text=True)
        for page, found in mentions(r"(?<![\w/.])smsc ((?:run|check|send|receive|load|simulate-operator|ctl)\b)([^`\n#;|&]*)"):
            with self.subTest(page.name, command=found[0]):
                # A verb may have verbs of its own, and what is given to it.
                text = help_of(found[1], *re.match(r"(?: [a-z][a-z-]*(?=\s|$))*", found[2])[0].split())
                self.assertEqual(text.returncode, 0, text.stderr)
                for option in re.findall(r"(?<!\S)--[a-z-]+", found[2]):
                    self.assertIn(option, text.stdout)
