"""Kannel 1.4.5, bearerbox and smsbox, a gateway that knows nothing of us, against a running node.

usage: kannel_client.py HOST PORT GSM LATIN UCS2 LONG_GSM LONG_UCS2

The last five are texts for 46701000001 to 46701000005. The operator reports every message as delivered, and sends a
message to 46761234567 back as an MO message to 72345. The node is killed and started anew when a line says `restart`.
Prints one line per promise; exit code 0 when all hold.

Kannel has no Latin-1 of its own: with `alt-charset` it writes Latin-1 under data_coding 0. So the second of its two
lives, as a transmitter and a receiver, does that.
"""

import http.server
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HOST, PORT = sys.argv[1], int(sys.argv[2])
GSM, LATIN, UCS2, LONG_GSM, LONG_UCS2 = sys.argv[3:8]
PATIENCE = 40.0

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
log-file = "{folder}/bearerbox.log"
log-level = 0
dlr-storage = internal

{links}
group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
global-sender = 46700000000
log-file = "{folder}/smsbox.log"
log-level = 0

group = sendsms-user
username = demo
password = secret
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = yes
max-messages = 0
get-url = "http://127.0.0.1:{callback}/mo?from=%p&to=%P&text=%b"
"""


LINK = """
group = smsc
smsc = smpp
smsc-id = node
host = "{host}"
{bind}
smsc-username = demo
smsc-password = {password}
system-type = VMA
interface-version = 34
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1
reconnect-delay = 1
{more}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Callbacks(http.server.ThreadingHTTPServer):
    """Where Kannel reports receipts and MO messages to."""

    def __init__(self):
        self.calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):
                url = urllib.parse.urlsplit(handler.path)
                fields = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, encoding="latin-1"))
                self.calls.append((url.path, fields))
                handler.send_response(200)
                handler.send_header("Content-Type", "text/plain")
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def to(self, path):
        return [fields for called, fields in list(self.calls) if called == path]


class Kannel:
    """bearerbox and smsbox, linked to the node by these binds. Links of one smsc-id share receipts."""

    def __init__(self, binds, more="", password="secret"):
        self.folder = tempfile.TemporaryDirectory(prefix="smsc-kannel-")
        self.callbacks = Callbacks()
        self.ports = {name: free_port() for name in ("admin", "box", "send")}
        self.file = os.path.join(self.folder.name, "kannel.conf")
        self.links = len(binds)
        links = "".join(LINK.format(host=HOST, bind=bind, password=password, more=more) for bind in binds)
        with open(self.file, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(
                links=links, folder=self.folder.name, callback=self.callbacks.server_port, **self.ports))
        self.boxes = []

    def __enter__(self):
        self.start("bearerbox")
        self.wait("bearerbox to listen", lambda: self.status())
        self.start("smsbox")
        return self

    def __exit__(self, *failure):
        for box in reversed(self.boxes):
            box.terminate()
        for box in self.boxes:
            try:
                box.wait(10)
            except subprocess.TimeoutExpired:
                box.kill()
                box.wait()
        self.callbacks.shutdown()
        self.folder.cleanup()

    def start(self, box):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        path = "/usr/sbin/" + box
        self.boxes.append(subprocess.Popen([path if os.path.exists(path) else box, self.file], **quiet))

    def get(self, port, path, **fields):
        url = "http://127.0.0.1:{}{}?{}".format(port, path, urllib.parse.urlencode(fields))
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()

    def status(self):
        try:
            return self.get(self.ports["admin"], "/status.txt", password="secret")
        except OSError:
            return ""

    def log(self):
        with open(os.path.join(self.folder.name, "bearerbox.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def online(self):
        self.wait("the links to be online", lambda: self.status().count("(online") == self.links)
        self.wait("smsbox to be connected", lambda: "smsbox" in self.status() and self.can_send())

    def can_send(self):
        try:
            socket.create_connection(("127.0.0.1", self.ports["send"]), 1).close()
            return True
        except OSError:
            return False

    def send(self, mark, number, text, coding=0, sender="46700000000"):
        receipt = "http://127.0.0.1:{}/receipt?mark={}&state=%d".format(self.callbacks.server_port, mark)
        answer = self.get(
            self.ports["send"], "/cgi-bin/sendsms", username="demo", password="secret", to=number, text=text,
            charset="UTF-8", coding=coding, **{"from": sender, "dlr-mask": 3, "dlr-url": receipt})
        assert answer.startswith("0:"), answer

    def delivered(self, *marks):
        def all_there():
            receipts = self.callbacks.to("/receipt")
            return all({"mark": mark, "state": "1"} in receipts for mark in marks)

        self.wait("the receipts of " + ", ".join(marks), all_there)

    def wait(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("waited for {}; bearerbox says: {}".format(what, self.log()[-3000:]))
            time.sleep(0.05)


TRANSCEIVER = ["port = {}\ntransceiver-mode = true".format(PORT)]
TRANSMITTER_AND_RECEIVER = ["port = {}".format(PORT), "receive-port = {}".format(PORT)]


def transceiver_sends_alphabets_and_long_messages():
    with Kannel(TRANSCEIVER) as kannel:
        kannel.online()
        kannel.send("gsm", "46701000001", GSM)
        kannel.send("ucs2", "46701000003", UCS2, coding=2)
        kannel.send("long-gsm", "46701000004", LONG_GSM)
        kannel.send("long-ucs2", "46701000005", LONG_UCS2, coding=2)
        kannel.delivered("gsm", "ucs2", "long-gsm", "long-ucs2")


def transmitter_and_receiver_send_latin_and_get_receipts_and_a_message():
    with Kannel(TRANSMITTER_AND_RECEIVER, 'alt-charset = "ISO-8859-1"') as kannel:
        kannel.online()
        kannel.send("latin", "46701000002", LATIN)
        kannel.delivered("latin")
        comes_back(kannel)


def transceiver_gets_a_message_from_the_handset():
    with Kannel(TRANSCEIVER) as kannel:
        kannel.online()
        comes_back(kannel)


def comes_back(kannel):
    kannel.send("mo", "46761234567", "there and back", sender="72345")
    kannel.delivered("mo")
    kannel.wait("the MO message", lambda: kannel.callbacks.to("/mo"))
    message = kannel.callbacks.to("/mo")[0]
    assert (message["from"].lstrip("+"), message["text"]) == ("46761234567", "there and back"), message


def wrong_password_is_refused():
    with Kannel(TRANSCEIVER, password="wrong") as kannel:
        kannel.wait("the refusal", lambda: "0x0000000e" in kannel.log())


def it_binds_again_after_the_node_has_gone():
    with Kannel(TRANSCEIVER) as kannel:
        kannel.online()
        print("restart", flush=True)
        kannel.wait("the loss of the link", lambda: "(online" not in kannel.status())
        kannel.online()
        kannel.send("after", "46701000009", "after")
        kannel.delivered("after")


PROMISES = [
    transceiver_sends_alphabets_and_long_messages,
    transmitter_and_receiver_send_latin_and_get_receipts_and_a_message,
    transceiver_gets_a_message_from_the_handset,
    wrong_password_is_refused,
    it_binds_again_after_the_node_has_gone,
]


def main():
    failed = 0
    for promise in PROMISES:
        try:
            promise()
            print("ok     Kannel: " + promise.__name__, flush=True)
        except Exception as error:  # whatever goes wrong is a failure of this promise
            failed += 1
            print("FAILED Kannel: {}: {!r}".format(promise.__name__, error), flush=True)
    sys.exit(1 if failed else 0)


main()
