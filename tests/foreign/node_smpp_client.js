// smpp 0.5.1 (node-smpp), a client that knows nothing of us, against a running node.
//
// usage: node node_smpp_client.js HOST PORT GSM LATIN UCS2 LONG_GSM LONG_UCS2     (NODE_PATH names its node_modules)
//
// The last five are texts for 46701000001 to 46701000005. The operator reports every message as delivered, and sends a
// message to 46761234567 back as an MO message to 72345. The node is killed and started anew when a line says `restart`.
// Prints one line per promise; exit code 0 when all hold.
'use strict';

const assert = require('assert');
const smpp = require('smpp');

const [host, port, GSM, LATIN, UCS2, LONG_GSM, LONG_UCS2] = process.argv.slice(2);
const PATIENCE = 20000;

function within(what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('waited for ' + what)), PATIENCE);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A connection that collects what it is told.
class Esme {
    constructor(kind = 'transceiver', password = 'secret') {
        Object.assign(this, { kind, password, deliveries: [], waiting: [] });
    }

    async connect() {
        this.session = smpp.connect({ host, port: Number(port) });
        this.closed = new Promise((resolve) => this.session.on('close', resolve));
        this.session.on('deliver_sm', (pdu) => {
            this.session.send(pdu.response());
            this.deliveries.push(pdu);
            this.waiting.forEach((look) => look());
        });
        await within('a connection', new Promise((resolve, reject) => {
            this.session.on('connect', resolve);
            this.session.on('error', reject);
        }));
        const bound = await this.ask('bind_' + this.kind, { system_id: 'demo', password: this.password });
        this.status = bound.command_status;
        return this;
    }

    ask(operation, fields) {
        return within('the answer to ' + operation, new Promise((resolve, reject) => {
            this.closed.then(() => reject(new Error('the connection ended before the answer to ' + operation)));
            this.session[operation](fields, resolve);
        }));
    }

    async submit(number, short_message, more = {}) {
        const answer = await this.ask('submit_sm', {
            source_addr_ton: 1, source_addr_npi: 1, source_addr: '46700000000',
            dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: number,
            registered_delivery: 1, short_message, ...more,
        });
        assert.strictEqual(answer.command_status, smpp.ESME_ROK);
        return answer.message_id;
    }

    // The first delivery that fits, also one that has come already.
    delivery(what, fits) {
        return within(what, new Promise((resolve) => {
            const look = () => {
                const found = this.deliveries.find(fits);
                if (found) resolve(found);
            };
            this.waiting.push(look);
            look();
        }));
    }

    async receiptOf(id) {
        const pdu = await this.delivery('the receipt of ' + id, (pdu) => pdu.receipted_message_id === id);
        const text = pdu.short_message.message;
        assert.strictEqual(pdu.esm_class & 0x3c, 4);
        assert.ok(text.startsWith(`id:${id} `) && text.includes(' stat:DELIVRD '), text);
        assert.strictEqual(pdu.message_state, smpp.MESSAGE_STATE.DELIVERED);
    }

    async unbind() {
        await this.ask('unbind', {});
        this.session.close();
        await within('the end of the connection', this.closed);
    }
}

async function bound(kind, use) {
    const esme = await new Esme(kind).connect();
    assert.strictEqual(esme.status, smpp.ESME_ROK);
    try {
        await use(esme);
    } finally {
        await esme.unbind();
    }
}

// The texts are put into octets here: the library guesses Latin-1 for what has a place in GSM-7.
const utf16 = (text) => Buffer.from(text, 'utf16le').swap16();

const promises = {
    alphabets_arrive_and_receipts_come: () => bound('transceiver', async (esme) => {
        const ids = [
            await esme.submit('46701000001', { message: GSM }, { data_coding: 0 }),
            await esme.submit('46701000002', { message: LATIN }, { data_coding: 3 }),
            await esme.submit('46701000003', { message: UCS2 }, { data_coding: 8 }),
        ];
        assert.strictEqual(new Set(ids).size, 3);
        await Promise.all(ids.map((id) => esme.receiptOf(id)));
    }),

    long_messages_go_in_parts_or_as_payload: () => bound('transceiver', async (esme) => {
        const octets = utf16(LONG_UCS2);
        const total = Math.ceil(octets.length / 132);
        const ids = [];
        for (let part = 1; part <= total; part++) {
            const udh = Buffer.from([5, 0, 3, 77, total, part]);
            const message = octets.subarray((part - 1) * 132, part * 132);
            ids.push(await esme.submit('46701000005', { udh, message }, { data_coding: 8, esm_class: 0x40 }));
        }
        const whole = { message_payload: { message: LONG_GSM }, data_coding: 0 };
        ids.push(await esme.submit('46701000004', '', whole));
        await Promise.all(ids.map((id) => esme.receiptOf(id)));
    }),

    a_message_comes_back_from_the_handset: () => bound('transceiver', async (esme) => {
        await esme.submit('46761234567', { message: GSM }, { data_coding: 0, source_addr: '72345' });
        const message = await esme.delivery('the MO message', (pdu) => (pdu.esm_class & 0x3c) === 0);
        assert.strictEqual(message.short_message.message, GSM);
        assert.strictEqual(message.source_addr, '46761234567');
    }),

    a_receiver_gets_the_receipts_of_a_transmitter: () => bound('transmitter', (transmitter) =>
        bound('receiver', async (receiver) => {
            await receiver.receiptOf(await transmitter.submit('46701000009', 'hello'));
        })),

    a_wrong_password_is_refused: async () => {
        const esme = await new Esme('transceiver', 'wrong').connect();
        assert.strictEqual(esme.status, smpp.ESME_RINVPASWD);
        esme.session.close();
    },

    enquire_link_is_answered: () => bound('transceiver', async (esme) => {
        assert.strictEqual((await esme.ask('enquire_link', {})).command_status, smpp.ESME_ROK);
    }),

    it_binds_again_after_the_node_has_gone: async () => {
        const first = await new Esme().connect();
        first.session.on('error', () => {});
        console.log('restart');
        await within('the end of the connection', first.closed);
        const deadline = Date.now() + PATIENCE;
        let second;
        while (!second) {
            second = await new Esme().connect().catch((error) => {
                if (Date.now() > deadline) throw error;
                return new Promise((resolve) => setTimeout(resolve, 50));
            });
        }
        await second.receiptOf(await second.submit('46701000009', 'after'));
        await second.unbind();
    },
};

(async () => {
    let failed = 0;
    for (const [name, promise] of Object.entries(promises)) {
        try {
            await promise();
            console.log('ok     node-smpp: ' + name);
        } catch (error) {
            failed += 1;
            console.log(`FAILED node-smpp: ${name}: ${error.stack}`);
        }
    }
    process.exit(failed ? 1 : 0);
})();
