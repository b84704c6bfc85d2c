"""smpplib 2.2.4, a client that knows nothing of us, against a running node.

usage: smpplib_client.py HOST PORT TLS_PORT

The node has the account demo/secret; its operator reports every message as delivered and sends a message to a number
that begins with 4676 back as an MO message. Prints one line per promise; exit code 0 when all hold.
"""

import socket
import ssl
import sys
import time

import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm

HOST, PORT, TLS_PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PATIENCE = 20.0
LONG = "All that glitters is not gold; often have you heard that told. " * 7
EMOJI = "\N{PARTY POPPER} sm\u00f6rg\u00e5sbord \u6f22\u5b57 " * 10


class TlsClient(smpplib.client.Client):
    """smpplib has no TLS of its own: its socket is wrapped before it connects."""

    def _create_socket(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(super()._create_socket(), server_hostname="localhost")


class Esme:
    """A bound client that collects what it is told."""

    def __init__(self, client_class, port, kind="transceiver", password="secret"):
        self.responses, self.deliveries = [], []
        self.client = client_class(HOST, port, timeout=1, allow_unknown_opt_params=True)
        self.client.set_message_sent_handler(lambda pdu: self.responses.append(pdu))
        self.client.set_message_received_handler(lambda pdu: self.deliveries.append(pdu) or 0)
        self.client.connect()
        getattr(self.client, "bind_" + kind)(system_id="demo", password=password)

    def submit(self, number, text, source="46700000000"):
        parts, data_coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_INTL,
                source_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                source_addr=source,
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=number,
                short_message=part,
                data_coding=data_coding,
                esm_class=esm_class,
                registered_delivery=True,
            )
        return len(parts)

    def wait(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited for " + what
            try:
                self.client.read_once(auto_send_enquire_link=False)
            except (socket.timeout, smpplib.exceptions.ConnectionError) as error:
                assert isinstance(error, socket.timeout) or "time" in str(error).lower(), error

    def receipts(self):
        return [pdu for pdu in self.deliveries if pdu.esm_class & 0x3C == 0x04]

    def messages(self):
        return [pdu for pdu in self.deliveries if pdu.esm_class & 0x3C == 0x00]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        # Whatever happened: a bind that is left behind would take the deliveries of the next one.
        try:
            self.client.unbind()
        finally:
            self.client.disconnect()


def message_is_submitted_and_its_receipt_comes(client_class, port):
    with Esme(client_class, port) as esme:
        esme.submit("46701234567", "hello")
        esme.wait("the response and the receipt", lambda: esme.responses and esme.receipts())
        message_id = esme.responses[0].message_id.decode()
        receipt = esme.receipts()[0]
        text = receipt.short_message.decode()
        assert message_id.isdigit(), message_id
        assert text.startswith("id:" + message_id + " "), (message_id, text)
        assert "stat:DELIVRD" in text, text
        assert receipt.receipted_message_id.decode().rstrip("\0") == message_id, receipt.receipted_message_id


def message_comes_back_from_the_handset(client_class, port):
    with Esme(client_class, port) as esme:
        esme.submit("46761234567", "there and back", source="72345")
        esme.wait("the receipt and the MO message", lambda: esme.receipts() and esme.messages())
        message = esme.messages()[0]
        assert message.short_message == b"there and back", message.short_message
        assert message.source_addr == b"46761234567", message.source_addr


def long_message_goes_in_parts(client_class, port):
    for text in (LONG[:400], EMOJI):
        with Esme(client_class, port) as esme:
            parts = esme.submit("46701234567", text)
            assert parts > 1
            esme.wait("all receipts", lambda: len(esme.responses) == len(esme.receipts()) == parts)
            assert len({pdu.message_id for pdu in esme.responses}) == parts


def receiver_gets_the_receipts_of_a_transmitter(client_class, port):
    with Esme(client_class, port, "transmitter") as transmitter, Esme(client_class, port, "receiver") as receiver:
        transmitter.submit("46701234567", "hello")
        transmitter.wait("the response", lambda: transmitter.responses)
        receiver.wait("the receipt", receiver.receipts)
        message_id, text = transmitter.responses[0].message_id, receiver.receipts()[0].short_message
        assert b"id:" + message_id + b" " in text, (message_id, text)


def wrong_password_is_refused(client_class, port):
    try:
        with Esme(client_class, port, password="wrong"):
            pass
    except smpplib.exceptions.PDUError as error:
        assert error.args[1] == smpplib.consts.SMPP_ESME_RINVPASWD, error.args
    else:
        raise AssertionError("a wrong password was accepted")


PROMISES = [
    message_is_submitted_and_its_receipt_comes,
    message_comes_back_from_the_handset,
    long_message_goes_in_parts,
    receiver_gets_the_receipts_of_a_transmitter,
    wrong_password_is_refused,
]


def main():
    failed = 0
    for client_class, port, over in ((smpplib.client.Client, PORT, "TCP"), (TlsClient, TLS_PORT, "TLS")):
        for promise in PROMISES:
            name = "smpplib over {}: {}".format(over, promise.__name__)
            try:
                promise(client_class, port)
                print("ok     " + name, flush=True)
            except Exception as error:  # whatever a foreign library may throw is a failure of this promise
                failed += 1
                print("FAILED {}: {!r}".format(name, error), flush=True)
    sys.exit(1 if failed else 0)


main()
