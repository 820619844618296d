import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode } from 'dns-packet';
import { openDns } from '@cloud-mirror/dns-names';
import { MemoryRegistry } from '@cloud-mirror/registry';
import { Random } from './random.ts';

export interface DnsFuzzOptions {
  readonly seed: number;
  /** How many messages to send. */
  readonly messages: number;
  /** Ends earlier, by `performance.now()`. */
  readonly untilMs?: number;
}

export interface DnsFuzzReport {
  readonly messages: number;
  readonly replies: number;
  /** Replies that break a rule, with the message in hexadecimal. */
  readonly violations: readonly string[];
  /** Faults that the server reported about itself. */
  readonly errors: readonly string[];
}

const DOMAIN = 'mirror.internal';
const INSTANCES = 30;
const BATCH = 100;
/** A reply may be larger than its query, up to what the query allows; a refusal may not. */
const PLAIN_BYTES = 512;
const MOST_BYTES = 4096;
const MOST_VIOLATIONS = 10;
const NAMES = ['frontend', '_frontend._tcp', '_http._frontend._tcp', 'frontend.west', 'nobody', '_tcp', ''];
const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'ANY', 'TXT', 'SOA', 'AXFR', 'UNKNOWN_65280'] as const;

/**
 * Sends noise, damaged queries and sound ones to a name server in this process, and forged answers to its own questions. After
 * each batch a sound query must be answered. The same seed makes the same messages.
 */
export async function fuzzDns({
  seed,
  messages,
  untilMs = Infinity,
}: DnsFuzzOptions): Promise<DnsFuzzReport> {
  const random = new Random(seed);
  await using opened = new AsyncDisposableStack();
  const upstream = await startForger(random, opened);
  const registry = opened.use(new MemoryRegistry());
  for (let number = 0; number < INSTANCES; number += 1) await registry.announce(instance(number), 3_600_000);
  const errors: string[] = [];
  const dns = opened.use(
    await openDns({
      settings: {
        host: '127.0.0.1',
        port: 0,
        domain: DOMAIN,
        framework: 'marathon',
        ttlSeconds: 5,
        negativeTtlSeconds: 5,
        resolvers: [{ address: '127.0.0.1', port: upstream }],
        recursionFor: ['127.0.0.0/8'],
        staleSeconds: 300,
      },
      source: registry,
      limits: { take: () => 0, networkOf: (address) => address },
      onOutcome: () => undefined,
      onError: (error) => {
        // Forged answers are expected to fail.
        if (error.name !== 'ForwardingError' && errors.length < MOST_VIOLATIONS)
          errors.push(String(error.stack));
      },
    }),
  );
  const port = Number(/\d+$/.exec(dns.address)?.[0]);
  const client = createSocket('udp4');
  opened.defer(() => void client.close());
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  const sentById = new Map<number, Buffer>();
  const violations: string[] = [];
  let replies = 0;
  client.on('message', (reply: Buffer) => {
    replies += 1;
    const sent = sentById.get(reply.readUInt16BE(0));
    const fault = sent === undefined ? 'an id that nobody asked with' : faultOf(reply, sent);
    if (fault !== null && violations.length < MOST_VIOLATIONS)
      violations.push(`${fault}: ${(sent ?? reply).toString('hex')}`);
  });
  let count = 0;
  while (count < messages && performance.now() < untilMs) {
    for (let left = BATCH; left > 0; left -= 1) {
      count += 1;
      const message = makeMessage(random);
      if (message.length >= 2) {
        message.writeUInt16BE(1 + (count % 65_000), 0);
        sentById.set(message.readUInt16BE(0), message);
      }
      if (random.chance(0.02)) await sendTcp(port, message, random);
      else client.send(message, port, '127.0.0.1');
    }
    await askSoundly(client, port, sentById);
  }
  return { messages: count, replies, violations, errors };
}

function faultOf(reply: Buffer, sent: Buffer): string | null {
  if (sent.length < 12 || (sent.readUInt8(2) & 0x80) !== 0) return 'a reply to what is no query';
  if ((reply.readUInt8(2) & 0x80) === 0) return 'a reply that is a query';
  if (reply.length > MOST_BYTES) return `a reply of ${reply.length} bytes`;
  const rcode = reply.readUInt8(3) & 15;
  const isPlain = sent.readUInt16BE(10) === 0;
  if (isPlain && reply.length > PLAIN_BYTES) return `a reply of ${reply.length} bytes without EDNS`;
  if ([1, 4].includes(rcode) && reply.length > sent.length) return 'a refusal longer than its query';
  return null;
}

/** The reply to a sound query comes after those to all messages before it that need no other server. */
async function askSoundly(client: UdpSocket, port: number, sent: Map<number, Buffer>): Promise<void> {
  const message = encode({
    type: 'query',
    id: 0,
    flags: 0x0100,
    questions: [{ name: `frontend.${DOMAIN}`, type: 'A' }],
  });
  sent.set(0, message);
  for (let tries = 0; tries < 20; tries += 1) {
    client.send(message, port, '127.0.0.1');
    const signal = AbortSignal.timeout(1_000);
    try {
      for (;;) {
        const [reply] = (await once(client, 'message', { signal })) as [Buffer];
        if (reply.readUInt16BE(0) === 0 && (decode(reply).answers?.length ?? 0) > 0) return;
      }
    } catch (error) {
      // A full receive buffer loses packets.
      if (!signal.aborted) throw error;
    }
  }
  throw new Error('the name server does not answer any more');
}

function makeMessage(random: Random): Buffer {
  const kind = random.below(10);
  if (kind === 0) return bytes(random, random.below(600));
  if (kind === 1) return Buffer.concat([header(random, 0x0100), bytes(random, random.below(60))]);
  if (kind === 2) return pointers(random);
  if (kind === 3) return longName(random);
  const sound = soundQuery(random);
  return kind < 7 ? damaged(sound, random) : sound;
}

function soundQuery(random: Random): Buffer {
  const inner = random.pick(NAMES);
  const framework = random.chance(0.2) ? 'marathon.' : '';
  const own = inner === '' ? DOMAIN : `${inner}.${framework}${DOMAIN}`;
  const name = random.chance(0.1) ? `host${random.below(5)}.example` : own;
  const cased = [...name].map((letter) => (random.chance(0.3) ? letter.toUpperCase() : letter)).join('');
  return encode({
    type: 'query',
    id: 0,
    flags: random.chance(0.5) ? 0x0100 : random.below(0x8000),
    questions: [{ name: cased, type: random.pick(TYPES) as 'A' }],
    additionals: random.chance(0.5)
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: random.below(65_536),
            extendedRcode: 0,
            ednsVersion: random.chance(0.1) ? random.below(256) : 0,
            flags: random.below(65_536),
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** Some bytes are changed, left out or added. */
function damaged(message: Buffer, random: Random): Buffer {
  const result = Buffer.from(message);
  for (let times = 1 + random.below(4); times > 0; times -= 1)
    result[random.below(result.length)] = random.below(256);
  if (random.chance(0.3)) return result.subarray(0, random.below(result.length));
  return random.chance(0.2) ? Buffer.concat([result, bytes(random, random.below(40))]) : result;
}

/** A name of labels and pointers to anywhere. */
function pointers(random: Random): Buffer {
  const parts = Array.from({ length: 1 + random.below(8) }, () =>
    random.chance(0.5) ? [0xc0 | random.below(2), random.below(64)] : [1, 0x61],
  );
  return Buffer.concat([header(random, 0), Buffer.from([...parts.flat(), 0, 0, 1, 0, 1])]);
}

function longName(random: Random): Buffer {
  const labels = Array.from({ length: 1 + random.below(40) }, () => {
    const length = random.below(64);
    return Buffer.concat([Buffer.from([length]), Buffer.alloc(length, 0x61)]);
  });
  return Buffer.concat([header(random, 0), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function header(random: Random, flags: number): Buffer {
  const result = Buffer.alloc(12);
  result.writeUInt16BE(flags, 2);
  result.writeUInt16BE(random.chance(0.9) ? 1 : random.below(65_536), 4);
  for (const at of [6, 8, 10]) result.writeUInt16BE(random.chance(0.9) ? 0 : random.below(65_536), at);
  return result;
}

function bytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** Sends a message over a connection of its own, at times with a wrong length. The server may close it at any time. */
async function sendTcp(port: number, message: Buffer, random: Random): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(random.chance(0.7) ? message.length : random.below(65_536));
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.end(Buffer.concat([length, message]));
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), 50);
  await gone;
  clearTimeout(timer);
}

/** A name server that answers with noise, damaged answers and sound ones. @returns its port */
async function startForger(random: Random, opened: AsyncDisposableStack): Promise<number> {
  const socket = createSocket('udp4');
  opened.defer(() => void socket.close());
  socket.on('message', (message: Buffer, { port, address }) => {
    const forged = Buffer.from(message);
    forged.writeUInt16BE(0x8180 | (random.chance(0.2) ? 0x0200 : 0), 2);
    if (random.chance(0.5)) forged.writeUInt16BE(random.below(5), 6 + 2 * random.below(3));
    const noise = bytes(random, random.below(3_000));
    const answer = random.chance(0.5) ? Buffer.concat([forged, noise]) : damaged(forged, random);
    socket.send(answer, port, address, () => undefined);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}

function instance(number: number): Parameters<MemoryRegistry['announce']>[0] {
  return {
    id: `01J${String(number).padStart(23, '0')}`,
    app: 'frontend',
    node: 'machine',
    host: `10.0.0.${number}`,
    ports: [{ name: 'http', port: 31_000 + number, servicePort: 8080 }],
    region: 'west',
    version: '0.2.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    healthy: true,
    why: null,
    labels: {},
    load: null,
  };
}
