"""The chart, as Helm renders it: Helm's own library from PyPI (helm-python-sdk), since its binary cannot be had as a package."""

import functools
import json
import pathlib

import helm_python
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
VALUES = pathlib.Path(__file__).parent / "values"
NAME, NAMESPACE = "demo", "prod"
KUBERNETES = ["1.28", "1.32", "1.37"]


def value_sets():
    """Names of the value sets."""
    return sorted(path.stem for path in VALUES.glob("*.yaml"))


def values(name):
    """A value set."""
    return yaml.safe_load((VALUES / f"{name}.yaml").read_text()) or {}


def kubernetes_of(name):
    """The versions that a value set is for: a comment in it says which, if not all."""
    for line in (VALUES / f"{name}.yaml").read_text().splitlines():
        if line.startswith("# Kubernetes: "):
            return line.removeprefix("# Kubernetes: ").split(", ")
    return KUBERNETES


def render_texts(given):
    """The rendered files by path. Raises what Helm says when it refuses."""
    with helm_python.Chart.load(str(CHART)) as chart:
        chart.validate_schema(given)
        return chart.render(given, name=NAME, namespace=NAMESPACE)


def render(given):
    """The rendered objects."""
    texts = render_texts(given)
    files = (text for path, text in sorted(texts.items()) if not path.endswith("NOTES.txt"))
    return [document for text in files for document in yaml.safe_load_all(text) if document]


@functools.cache
def _rendered(name):
    return json.dumps(render(values(name)))


def objects(name):
    """The objects of a value set."""
    return json.loads(_rendered(name))


def notes(given):
    """What the user is told."""
    return next(text for path, text in render_texts(given).items() if path.endswith("NOTES.txt"))


def one(documents, kind, name=None):
    """The object of that kind, and name if there are several."""
    found = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{kind} {name or ''}: {len(found)}"
    return found[0]


def configuration(documents):
    """The node's configuration that is among the objects, as text."""
    for document in documents:
        for field in ("data", "stringData"):
            if "smsc.yaml" in (document.get(field) or {}):
                return document[field]["smsc.yaml"]
    raise AssertionError("no object holds smsc.yaml")
