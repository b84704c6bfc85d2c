"""An ESME of a few lines, for what `smsc send` and `smsc load` would never do, or do not tell: SMPP 3.4 by hand."""

import socket
import struct

BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, ENQUIRE_LINK, UNBIND = 0x09, 0x04, 0x05, 0x15, 0x06


def c(text):
    return text.encode() + b"\0"


class Esme:
    """One connection. It answers nothing by itself."""

    def __init__(self, host, port, source="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=30, source_address=(source, 0))
        self.sequence = 0

    def send(self, command, body=b""):
        self.sequence += 1
        self.socket.sendall(struct.pack(">IIII", 16 + len(body), command, 0, self.sequence) + body)

    def respond(self, command, sequence):
        self.socket.sendall(struct.pack(">IIII", 16, command | 0x8000_0000, 0, sequence))

    def read(self):
        """Command, status and sequence_number of the next PDU; None at the end."""
        head = self._exactly(16)
        if head is None:
            return None
        length, command, status, sequence = struct.unpack(">IIII", head)
        self._exactly(length - 16)
        return command, status, sequence

    def bind(self, system_id="demo", password="demo"):
        """Binds as transceiver, and gives the status."""
        self.send(BIND_TRANSCEIVER, c(system_id) + c(password) + c("") + b"\x34\0\0" + c(""))
        return self.read()[1]

    def submit(self, to):
        """Submits, and does not wait."""
        text = b"hello"
        self.send(SUBMIT_SM, c("") + b"\1\1" + c("46700000001") + b"\1\1" + c(to) + b"\0\0\0" + c("") + c("") + bytes([0, 0, 0, 0, len(text)]) + text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                return None
            data += more
        return data
