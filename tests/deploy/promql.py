"""What an expression of Prometheus asks for: enough of its grammar to find the names in it."""

import re

# What Prometheus adds to every series that it scrapes.
OF_THE_SCRAPE = {"namespace", "job", "instance", "le"}
SELECTOR = re.compile(r"\b((?:smsc[_:]|process_)[a-z0-9_:]+|up)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-zA-Z_]+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
GROUPING = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")


def selectors(expression):
    """Pairs of a metric and its matchers: (label, operator, value)."""
    return [(name, MATCHER.findall(matchers or "")) for name, matchers in SELECTOR.findall(expression)]


def groupings(expression):
    """The labels that it groups by."""
    return {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")}


def samples(page):
    """The labels of each sample of a page, by name: {name: [{label: value}]}."""
    found = {}
    for line in page.splitlines():
        if not line or line.startswith("#"):
            continue
        series = line.rsplit(" ", 1)[0]
        name, _, labels = series.partition("{")
        found.setdefault(name, []).append(dict(re.findall(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"', labels)))
    return found
