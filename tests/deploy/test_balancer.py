"""HAProxy, a real one with deploy/haproxy.cfg, in front of three real nodes."""

import contextlib
import csv
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import unittest

import cast
from esme import ENQUIRE_LINK, UNBIND, Esme

CONFIGURATION = cast.ROOT / "deploy/haproxy.cfg"


class Stage:
    """Three nodes and the balancer, each at an address of its own in 127.0.0.0/8, on the ports that the file names."""

    def __init__(self, stack, account="", agents=False):
        net = f"127.{os.urandom(1)[0] % 200 + 20}.{os.urandom(1)[0]}"
        self.host = f"{net}.100"
        trusted = f'proxy_protocol = "required"\ntrusted_proxies = ["{net}.0/24", "127.0.0.1/32"]'
        port = stack.enter_context(cast.operator())
        agent = lambda n: f', agent_check = "{net}.{n}:8081"' if agents else ""
        ports = (2777, 2778, 8080)
        self.nodes = [
            stack.enter_context(
                cast.node(port, f"{net}.{n}", ports, f"smsc-{n}", trusted, secure=True, account=account, http=agent(n))
            )
            for n in (1, 2, 3)
        ]
        text = CONFIGURATION.read_text()
        for n in (0, 1, 2):
            text = text.replace(f" smsc-{n}:", f" {net}.{n + 1}:")
        text = re.sub(r"bind :", f"bind {self.host}:", text).replace("ipv4@127.0.0.1:", f"ipv4@{self.host}:")
        # So many connections want twice as many descriptors, which not every machine allows.
        text = text.replace("maxconn 20000", "maxconn 200")
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = pathlib.Path(folder, "haproxy.cfg")
        file.write_text(text)
        stack.enter_context(cast.process(cast.program("haproxy"), "-db", "-f", file))
        cast.until("HAProxy sees three nodes", lambda: self.up() == 3)

    def up(self):
        page = (cast.get(8405, "/metrics", self.host) or (0, ""))[1]
        return sum(1 for line in page.splitlines() if re.match(r'haproxy_server_status\{proxy="smpp",.*state="UP"\} 1', line))

    def said(self, n):
        """What a node tells the balancer's agent check."""
        with socket.create_connection((self.nodes[n].host, 8081), timeout=cast.PATIENCE) as agent:
            return agent.makefile().read()

    def server(self, name):
        """The status of a node as the balancer shows it, and its weight."""
        with socket.create_connection((self.host, 9999), timeout=cast.PATIENCE) as runtime:
            runtime.sendall(b"show stat\n")
            rows = list(csv.DictReader(runtime.makefile()))
        row = next(row for row in rows if (row["# pxname"], row["svname"]) == ("smpp", name))
        return row["status"], int(row["weight"])

    def esme(self, source="127.0.0.1"):
        return Esme(self.host, 2775, source)

    def sessions(self):
        """Bound sessions of each node."""
        return [count(node.metrics(), "smsc_sessions") for node in self.nodes]


def count(page, metric):
    return sum(int(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(metric + "{"))


class TheBalancer(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def test_its_configuration_is_good(self):
        done = subprocess.run([cast.program("haproxy"), "-c", "-f", CONFIGURATION], capture_output=True, text=True)
        wrong = [line for line in done.stderr.splitlines() if "[ALERT]" in line or "[WARNING]" in line and "resolve address" not in line]
        self.assertEqual((done.returncode, wrong), (0, []))

    def test_a_message_its_receipt_and_health_checks_pass_in_clear_and_with_tls(self):
        stage = Stage(self.stack)
        for how in ([f"--smsc={stage.host}:2775"], ["--tls", f"--smsc={stage.host}:2776"]):
            done = subprocess.run([cast.smsc(), "send", "--to=46701234567", *how], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # No node took a check of the balancer for an ESME that breaks rules.
        wrong = ("smsc_connections_refused_total{", "smsc_violations_total{")
        self.assertFalse([page for page in self.pages(stage) if any(name in page for name in wrong)])

    def test_an_account_is_known_by_its_own_address_not_by_the_balancers(self):
        stage = Stage(self.stack, account="allow_from = ['127.0.0.77/32']")
        with stage.esme(source="127.0.0.77") as customer, stage.esme(source="127.0.0.78") as stranger:
            self.assertEqual(customer.bind(), 0)
            self.assertNotEqual(stranger.bind(), 0)

    def test_a_node_that_drains_gets_no_new_esmes_and_unbinds_its_own(self):
        stage = Stage(self.stack)
        esmes = [self.stack.enter_context(stage.esme()) for _ in range(6)]
        self.assertEqual([esme.bind() for esme in esmes], [0] * 6)
        self.assertEqual(stage.sessions(), [2, 2, 2])
        going = stage.nodes[0]
        going.process.send_signal(signal.SIGTERM)
        cast.until("the balancer has noticed", lambda: stage.up() == 2)
        # lb_delay is not over: all that were bound are still served.
        for esme in esmes:
            esme.send(ENQUIRE_LINK)
            self.assertEqual(esme.read()[0], ENQUIRE_LINK | 0x8000_0000)
        later = [self.stack.enter_context(stage.esme()) for _ in range(4)]
        self.assertEqual([esme.bind() for esme in later], [0] * 4)
        self.assertEqual(stage.sessions(), [2, 4, 4])
        left = set()
        while len(left) < 2:
            readable, _, _ = select.select([e.socket for e in esmes if e not in left], [], [], cast.PATIENCE)
            self.assertTrue(readable, "an ESME of the node that goes is told unbind")
            for esme in (e for e in esmes if e.socket in readable):
                command, _, sequence = esme.read()
                self.assertEqual(command, UNBIND)
                esme.respond(UNBIND, sequence)
                left.add(esme)
        self.assertEqual(going.process.wait(timeout=cast.PATIENCE), 0)
        self.assertEqual([count(node.metrics(), "smsc_sessions") for node in stage.nodes[1:]], [4, 4])

    def test_a_node_itself_says_that_it_drains_and_how_much_room_it_has(self):
        stage = Stage(self.stack, agents=True)
        self.assertEqual([stage.said(n) for n in (0, 1, 2)], ["ready up 100%\n"] * 3)
        # Connections that are never closed hold up nobody.
        idle = [socket.create_connection((stage.nodes[0].host, 8081)) for _ in range(100)]
        for connection in idle:
            self.stack.enter_context(connection)
        self.assertEqual(stage.said(0), "ready up 100%\n")
        esmes = [self.stack.enter_context(stage.esme()) for _ in range(3)]
        self.assertEqual([esme.bind() for esme in esmes], [0] * 3)
        going = stage.nodes[0]
        going.process.send_signal(signal.SIGTERM)
        cast.until("the balancer has been told", lambda: stage.server("smsc-0")[0].startswith("DRAIN"))
        self.assertEqual(stage.said(0), "drain\n")
        later = [self.stack.enter_context(stage.esme()) for _ in range(4)]
        self.assertEqual([esme.bind() for esme in later], [0] * 4)
        self.assertEqual(stage.sessions(), [1, 3, 3])

    def test_a_node_goes_out_of_service_and_back_by_ctl_and_the_balancer_follows(self):
        stage = Stage(self.stack, agents=True)
        node = stage.nodes[0]

        def tell(order):
            command = [cast.smsc(), "ctl", "--node", f"http://{node.host}:8080", "nodes", order, "smsc-1"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

        tell("drain")
        cast.until("the balancer has been told", lambda: stage.server("smsc-0")[0].startswith("DRAIN"))
        esmes = [self.stack.enter_context(stage.esme()) for _ in range(4)]
        self.assertEqual([esme.bind() for esme in esmes], [0] * 4)
        self.assertEqual(stage.sessions(), [0, 2, 2])
        tell("undrain")
        cast.until("the balancer has been told", lambda: stage.server("smsc-0")[0] == "UP")
        later = [self.stack.enter_context(stage.esme()) for _ in range(2)]
        self.assertEqual([esme.bind() for esme in later], [0] * 2)
        self.assertEqual(stage.sessions(), [2, 2, 2])

    def test_a_node_is_taken_out_by_hand_and_keeps_its_esmes(self):
        stage = Stage(self.stack)
        first = [self.stack.enter_context(stage.esme()) for _ in range(3)]
        self.assertEqual([esme.bind() for esme in first], [0] * 3)
        with socket.create_connection((stage.host, 9999)) as runtime:
            runtime.sendall(b"set server smpp/smsc-0 state drain\n")
            self.assertEqual(runtime.recv(1000).strip(), b"")
        later = [self.stack.enter_context(stage.esme()) for _ in range(4)]
        self.assertEqual([esme.bind() for esme in later], [0] * 4)
        self.assertEqual(stage.sessions(), [1, 3, 3])

    @staticmethod
    def pages(stage):
        return [node.metrics() for node in stage.nodes]
