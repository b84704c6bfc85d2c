"""aiosmpplib 0.7.4, an asyncio client that knows nothing of us, against a running node.

usage: aiosmpplib_client.py HOST PORT GSM LATIN UCS2 LONG_GSM LONG_UCS2

The last five are texts for 46701000001 to 46701000005. The operator reports every message as delivered, and sends a
message to 46761234567 back as an MO message to 72345. The node is killed and started anew when a line says `restart`.
Prints one line per promise; exit code 0 when all hold.
"""

import asyncio
import sys

from aiosmpplib import ESME, AbstractHook, BindMode, DeliverSm, PhoneNumber, SubmitSm, SubmitSmResp
from aiosmpplib.retrytimer import SimpleExponentialBackoff
from aiosmpplib.state import NPI, TON, SmppCommandStatus

HOST, PORT = sys.argv[1], int(sys.argv[2])
GSM, LATIN, UCS2, LONG_GSM, LONG_UCS2 = sys.argv[3:8]
PATIENCE = 20.0


class Memory(AbstractHook):
    """Keeps what comes and what fails."""

    def __init__(self):
        self.binds, self.responses, self.deliveries, self.errors = [], [], [], []

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def received(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, DeliverSm):
            self.deliveries.append(smpp_message)
        elif isinstance(smpp_message, SubmitSmResp):
            self.responses.append(smpp_message)
        elif "Bind" in type(smpp_message).__name__:
            self.binds.append(smpp_message)

    async def send_error(self, smpp_message, error, client_id):
        self.errors.append(error)

    def receipts(self):
        return [delivery for delivery in self.deliveries if delivery.is_receipt()]

    def messages(self):
        return [delivery for delivery in self.deliveries if not delivery.is_receipt()]


class Bound:
    """A client that runs, bound or on its way there."""

    def __init__(self, mode=BindMode.TRANSCEIVER, password="secret"):
        self.memory = Memory()
        self.esme = ESME(
            HOST, PORT, "demo", password, bind_mode=mode, hook=self.memory, log_level="CRITICAL",
            retry_timer=SimpleExponentialBackoff(min_delay=200, max_increases=1),
        )

    async def __aenter__(self):
        self.running = asyncio.create_task(self.esme.start())
        await self.wait("the answer to a bind", lambda: self.memory.binds)
        return self

    async def __aexit__(self, *failure):
        await self.esme.stop()
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    async def submit(self, number, text, source="46700000000", **more):
        await self.esme.broker.enqueue(SubmitSm(
            short_message=text,
            source=PhoneNumber(source, TON.INTERNATIONAL, NPI.ISDN),
            destination=PhoneNumber(number, TON.INTERNATIONAL, NPI.ISDN),
            registered_delivery=1,
            **more,
        ))

    async def wait(self, what, condition):
        for _ in range(int(PATIENCE / 0.02)):
            assert not self.memory.errors, self.memory.errors
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("waited for " + what)

    async def delivered(self, count):
        """All messages are accepted, and the receipt of each has come."""
        memory = self.memory
        await self.wait("responses", lambda: len(memory.responses) == count)
        await self.wait("receipts", lambda: len(memory.receipts()) == count)
        ids = sorted(response.message_id for response in memory.responses)
        receipts = [receipt.parse_receipt() for receipt in memory.receipts()]
        assert ids == sorted(receipt["id"] for receipt in receipts), (ids, receipts)
        assert {receipt["stat"] for receipt in receipts} == {"DELIVRD"}, receipts


async def alphabets_arrive_and_receipts_come():
    async with Bound() as client:
        await client.submit("46701000001", GSM)
        await client.submit("46701000002", LATIN, encoding="latin_1")
        await client.submit("46701000003", UCS2, encoding="ucs2")
        await client.delivered(3)


async def long_messages_go_in_parts():
    for number, text in (("46701000004", LONG_GSM), ("46701000005", LONG_UCS2)):
        async with Bound() as client:
            await client.submit(number, text, esm_class=0x40, auto_message_payload=False)
            memory = client.memory
            # The library joins the receipts of the parts to one, so that their number is looked at on the wire only.
            await client.wait("responses to all parts", lambda: memory.responses)
            await client.wait("the receipt", memory.receipts)


async def a_message_comes_back_from_the_handset():
    async with Bound() as client:
        await client.submit("46761234567", GSM, source="72345")
        await client.wait("the receipt", client.memory.receipts)
        await client.wait("the MO message", client.memory.messages)
        message = client.memory.messages()[0]
        assert (message.short_message, message.source.number) == (GSM, "46761234567"), message


async def a_receiver_gets_the_receipts_of_a_transmitter():
    async with Bound(BindMode.TRANSMITTER) as transmitter, Bound(BindMode.RECEIVER) as receiver:
        await transmitter.submit("46701000009", "hello")
        await transmitter.wait("the response", lambda: transmitter.memory.responses)
        await receiver.wait("the receipt", receiver.memory.receipts)
        message_id = transmitter.memory.responses[0].message_id
        assert receiver.memory.receipts()[0].parse_receipt()["id"] == message_id


async def a_wrong_password_is_refused():
    async with Bound(password="wrong") as client:
        assert client.memory.binds[0].command_status == SmppCommandStatus.ESME_RINVPASWD, client.memory.binds


async def it_binds_again_after_the_node_has_gone():
    async with Bound() as client:
        await client.submit("46701000009", "before")
        await client.delivered(1)
        print("restart", flush=True)
        await client.wait("a second bind", lambda: len(client.memory.binds) >= 2)
        await client.submit("46701000009", "after")
        await client.delivered(2)


PROMISES = [
    alphabets_arrive_and_receipts_come,
    long_messages_go_in_parts,
    a_message_comes_back_from_the_handset,
    a_receiver_gets_the_receipts_of_a_transmitter,
    a_wrong_password_is_refused,
    it_binds_again_after_the_node_has_gone,
]


async def main():
    failed = 0
    for promise in PROMISES:
        try:
            await promise()
            print("ok     aiosmpplib: " + promise.__name__, flush=True)
        except Exception as error:  # whatever a foreign library may throw is a failure of this promise
            failed += 1
            print("FAILED aiosmpplib: {}: {!r}".format(promise.__name__, error), flush=True)
    sys.exit(1 if failed else 0)


asyncio.run(main())
