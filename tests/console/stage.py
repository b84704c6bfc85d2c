"""Who plays in these tests: a message centre that can be restarted, operators that can be killed, and a browser."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import cast
from playwright.sync_api import sync_playwright

SHOTS = pathlib.Path(os.environ.get("SMSC_CONSOLE_SHOTS", cast.ROOT / "target/console"))
TOKENS = {"viewer": "viewer-token-0123456789", "operator": "operator-token-012345678", "admin": "admin-token-0123456789"}


class Operator:
    """An operator that can be killed and come back."""

    def __init__(self, stack, *faults):
        self.stack, self.faults, self.port = stack, faults, cast.free_port()
        self.process = None

    def start(self):
        command = [cast.smsc(), "simulate-operator", "--listen", f"127.0.0.1:{self.port}", *self.faults]
        self.process = self.stack.enter_context(cast.process(*command))
        cast.until("the operator listens", lambda: cast.listens(self.port))
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Centre:
    """A node with the accounts `demo` and `shop`, and three operators: `north` takes all, `east` has the numbers 48 and
    can be killed, `sour` has the numbers 44 and throttles all of them."""

    def __init__(self, stack, tokens=False):
        self.stack = stack
        self.north = Operator(stack).start()
        self.east = Operator(stack).start()
        self.sour = Operator(stack, "--error-rate", "1:ESME_RTHROTTLED").start()
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsc-console-")))
        self.smpp, self.http = cast.free_port(), cast.free_port()
        self.file = self.folder / "smsc.toml"
        file = ""
        if tokens:
            lines = [f"{role} {role}-person {token}" for role, token in TOKENS.items()]
            (self.folder / "tokens").write_text("\n".join(lines) + "\n")
            file = f', token_file = "{self.folder}/tokens"'
        operators = "".join(
            f"""
[[operator]]
name = "{name}"
addresses = ["127.0.0.1:{operator.port}"]
system_id = "smsc"
password = "x"
window = 50
retry = ["1s", "2s", "600s"]
"""
            for name, operator in [("north", self.north), ("east", self.east), ("sour", self.sour)]
        )
        self.file.write_text(f"""
node = {{ name = "smsc-0", data_dir = "{self.folder}/data" }}
http = {{ address = "127.0.0.1:{self.http}"{file} }}
store = {{ disk_free_min = "1MiB" }}
drain = {{ lb_delay = "0s", deadline = "5s" }}
cdr = {{ folder = "{self.folder}/cdr" }}
listener = [{{ address = "127.0.0.1:{self.smpp}" }}]
route = [
  {{ prefix = "", operators = [{{ name = "north" }}] }},
  {{ prefix = "44", operators = [{{ name = "sour" }}] }},
  {{ prefix = "48", operators = [{{ name = "east", weight = 3 }}], failover = ["north"] }},
]
mo_route = [{{ destination = "72345", account = "shop" }}]

[[account]]
system_id = "demo"
password = "demo"
binds_max = 50

[[account]]
system_id = "shop"
password = "shop"
throughput_max = 50
{operators}""")
        self.process = None
        self.start()

    def start(self):
        self.process = self.stack.enter_context(cast.process(cast.smsc(), "run", "--config", self.file))
        ready = lambda: self.process.poll() is None and (cast.get(self.http, "/readyz") or (0,))[0] == 200
        cast.until("the node is ready", ready)
        cast.until("its links are bound", lambda: self.bound() == {"north", "east", "sour"})

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def bound(self):
        links = self.api("links", role="viewer").get("links", [])
        return {link["operator"] for link in links if link["state"] == "bound"}

    def api(self, path, role="admin", method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        headers = {"Authorization": f"Bearer {TOKENS[role]}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1/{path}", body and json.dumps(body), headers)
        return json.loads(connection.getresponse().read())

    def send(self, number, *arguments):
        """Submits a message of `shop`, whose receipts nobody else takes, and gives its id; with `--no-receipt` at once, else when its receipt has come."""
        who = ["--system-id", "shop", "--password", "shop", "--smsc", f"127.0.0.1:{self.smpp}"]
        command = [cast.smsc(), "send", *who, "--to", number, "--text", "a private text", *arguments]
        said = subprocess.run(command, capture_output=True, text=True, timeout=cast.PATIENCE).stdout
        return re.search(r"\d{15,}", said).group()

    def load(self, rate):
        """Messages that come all the while."""
        command = [cast.smsc(), "load", "--smsc", f"127.0.0.1:{self.smpp}", "--rate", rate, "--binds", 3, "--duration", "10m"]
        self.stack.enter_context(cast.process(*command))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"


class Browser:
    """Chromium without a window. What goes wrong on its pages is kept."""

    def __init__(self, stack):
        program = cast.program("chromium")
        SHOTS.mkdir(parents=True, exist_ok=True)
        playwright = stack.enter_context(sync_playwright())
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        self.browser = playwright.chromium.launch(executable_path=program, args=arguments)
        stack.callback(self.browser.close)
        self.complaints, self.hosts = [], set()

    @contextlib.contextmanager
    def page(self, url, **options):
        """A page in a profile of its own."""
        context = self.browser.new_context(viewport=options.pop("viewport", {"width": 1360, "height": 900}), **options)
        context.set_default_timeout(cast.PATIENCE * 1000)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        try:
            page.goto(url)
            yield page
        except BaseException:
            page.screenshot(path=SHOTS / "failed.png")
            raise
        finally:
            context.close()

    def broken_rules(self):
        """What the browser complained of, but for requests that the node refused or could not answer."""
        expected = ("Failed to load resource", "net::ERR")
        return [text for text in self.complaints if not any(part in text for part in expected)]


def shot(page, name, whole=False):
    page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)


def seconds_until(look, at_most):
    """How long it takes until `look` is true."""
    begin = time.monotonic()
    while not look():
        assert time.monotonic() - begin < at_most, f"not within {at_most} s"
        time.sleep(0.02)
    return time.monotonic() - begin
