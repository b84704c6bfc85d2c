"""Who plays in these tests: processes with ports of their own on 127.0.0.1, ended with their test."""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# How long an event may take on a machine that is busy with other tests.
PATIENCE = 30


def smsc():
    """The binary that the build has made."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = pathlib.Path(os.environ.get("SMSC_BINARY", target / "debug" / "smsc"))
    assert binary.exists(), f"{binary} is not there: cargo build --workspace --all-targets"
    return binary


def tool(variable):
    """What tests/deploy/run has brought; without it the test is skipped, and says so."""
    value = os.environ.get(variable)
    if not value:
        skip(f"{variable} is not set: tests/deploy/run says why")
    return value


def program(name):
    """A program of the system."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or skip(f"{name} is not installed, and cannot be here")


def beside_python(name):
    """A program of the virtual environment that runs us."""
    return pathlib.Path(sys.executable).parent / name


def skip(why):
    path = os.environ.get("SMSC_SKIPPED")
    if path:
        with open(path, "a") as file:
            file.write(f"skipped: tests/deploy: {why}\n")
    raise unittest.SkipTest(why)


def free_port():
    """A port that nobody has now; below the range that outgoing connections take."""
    for _ in range(200):
        port = 10_000 + int.from_bytes(os.urandom(2)) % 20_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def until(what, look):
    """Waits until `look` gives something true, and gives it back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def get(port, path, host="127.0.0.1"):
    """Status and body, or None when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return None
    finally:
        connection.close()


@contextlib.contextmanager
def process(*command, **options):
    """A process that is ended with the block. What it wrote is shown when the block fails."""
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, **options)
        try:
            yield child
        except BaseException:
            log.seek(0)
            print(f"--- {command[0]} wrote\n{log.read()[-4000:]}\n---", file=sys.stderr)
            raise
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            child.wait()


@contextlib.contextmanager
def operator(*arguments):
    """An operator; gives its port."""
    port = free_port()
    with process(smsc(), "simulate-operator", "--listen", f"127.0.0.1:{port}", *arguments):
        until("the operator listens", lambda: listens(port))
        yield port


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Node:
    """One node with account demo and the operators `north` (there) and `south` (never there)."""

    def __init__(self, host, smpp, tls, http, process):
        self.host, self.smpp, self.tls, self.http, self.process = host, smpp, tls, http, process

    def metrics(self):
        return get(self.http, "/metrics", self.host)[1]

    def load(self, *arguments):
        """Submits messages; not all receipts can come, so the exit code says nothing."""
        command = [smsc(), "load", "--smsc", f"{self.host}:{self.smpp}", *arguments]
        subprocess.run(command, capture_output=True, timeout=PATIENCE)


@contextlib.contextmanager
def node(operator_port, host="127.0.0.1", ports=None, name="smsc-0", listener="", secure=False, session="", account="", http=""):
    """A running node; `ports` are those of SMPP, TLS and HTTP; `listener`, `session`, `account` and `http` are further keys."""
    smpp, tls, web = ports or (free_port(), free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="smsc-deploy-") as folder:
        file = pathlib.Path(folder, "smsc.toml")
        listeners = f'[[listener]]\naddress = "{host}:{smpp}"\n{listener}\n'
        if secure:
            for name_of, text in certificate().items():
                pathlib.Path(folder, name_of).write_text(text)
            pair = f'tls = {{ certificate = "{folder}/tls.crt", key = "{folder}/tls.key" }}'
            listeners += f'[[listener]]\naddress = "{host}:{tls}"\n{pair}\n{listener}\n'
        file.write_text(f"""
node = {{ name = "{name}", data_dir = "{folder}/data" }}
http = {{ address = "{host}:{web}"{http} }}
store = {{ disk_free_min = "1MiB" }}
drain = {{ lb_delay = "4s", deadline = "25s" }}
cdr = {{ folder = "{folder}/cdr" }}
route = [{{ prefix = "", operators = [{{ name = "north" }}] }}, {{ prefix = "44", operators = [{{ name = "south" }}] }}]
mo_route = [{{ destination = "*", account = "demo" }}]

[session]
{session}

[[account]]
system_id = "demo"
password = "demo"
binds_max = 50
{account}

{listeners}
[[operator]]
name = "north"
addresses = ["127.0.0.1:{operator_port}"]
system_id = "smsc"
password = "x"

[[operator]]
name = "south"
addresses = ["127.0.0.1:1"]
system_id = "smsc"
password = "x"
""")
        with process(smsc(), "run", "--config", file) as child:
            ready = lambda: child.poll() is None and (get(web, "/readyz", host) or (0,))[0] == 200
            until("the node is ready", ready)
            yield Node(host, smpp, tls, web, child)


_CERTIFICATE = {}


def certificate():
    """A certificate that signs itself, as a kubernetes.io/tls Secret with ca.crt."""
    if not _CERTIFICATE:
        with tempfile.TemporaryDirectory() as folder:
            key, crt = pathlib.Path(folder, "key"), pathlib.Path(folder, "crt")
            subprocess.run(
                [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", key, "-out", crt, "-days", "30", "-subj", "/CN=smsc.example", "-addext", "subjectAltName=DNS:smsc.example"],
                check=True, capture_output=True,
            )
            _CERTIFICATE.update({"tls.crt": crt.read_text(), "tls.key": key.read_text(), "ca.crt": crt.read_text()})
    return _CERTIFICATE
