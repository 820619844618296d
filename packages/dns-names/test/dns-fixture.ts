import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { decode, encode, streamEncode, type DecodedPacket, type Packet } from 'dns-packet';
import { MemoryRegistry, type Instance } from '@cloud-mirror/registry';
import { openDns, type DnsSettings, type Outcome, type RunningDns } from '../src/index.ts';

export const DOMAIN = 'mirror.internal';

export const SETTINGS: DnsSettings = {
  host: '127.0.0.1',
  port: 0,
  domain: DOMAIN,
  framework: null,
  ttlSeconds: 5,
  negativeTtlSeconds: 5,
  resolvers: [],
  recursionFor: ['127.0.0.0/8', '::1/128'],
  staleSeconds: 300,
};

let started = 0;

/** An instance that runs and is healthy, unless it says otherwise. */
export function instance(changes: Partial<Instance> = {}): Instance {
  started += 1;
  return {
    id: `01J${String(started).padStart(23, '0')}`,
    app: 'frontend',
    node: 'machine',
    host: `10.0.0.${started % 250}`,
    ports: [{ name: 'http', port: 31_000 + started, servicePort: 8080 }],
    region: null,
    version: '0.2.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    healthy: true,
    why: null,
    labels: {},
    load: null,
    ...changes,
  };
}

export interface DnsFixture extends AsyncDisposable {
  readonly dns: RunningDns;
  readonly port: number;
  readonly registry: MemoryRegistry;
  /** c-ares, as programs on Node use it. */
  readonly resolver: Resolver;
  readonly outcomes: Outcome[];
  readonly errors: Error[];
  announce(...instances: Instance[]): Promise<void>;
}

export async function startDns(
  settings: Partial<DnsSettings> = {},
  instances: readonly Instance[] = [],
  limits = { take: () => 0, networkOf: (address: string) => address },
): Promise<DnsFixture> {
  const registry = new MemoryRegistry();
  const outcomes: Outcome[] = [];
  const errors: Error[] = [];
  const dns = await openDns({
    settings: { ...SETTINGS, ...settings },
    source: registry,
    limits,
    onOutcome: (outcome) => outcomes.push(outcome),
    onError: (error) => errors.push(error),
  });
  const port = Number(/\d+$/.exec(dns.address)?.[0]);
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const fixture: DnsFixture = {
    dns,
    port,
    registry,
    resolver,
    outcomes,
    errors,
    async announce(...all) {
      for (const each of all) await registry.announce(each, 60_000);
      // The watcher of the registry has its turn.
      await new Promise((resolve) => setImmediate(resolve));
    },
    async [Symbol.asyncDispose]() {
      resolver.cancel();
      await dns[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
  await fixture.announce(...instances);
  return fixture;
}

/** A query with a random id. */
export function query(name: string, type: string, more: Packet = {}): Packet {
  return {
    type: 'query',
    id: Math.floor(Math.random() * 65_536),
    flags: 0x0100,
    questions: [{ name, type: type as 'A' }],
    ...more,
  };
}

/** The record of EDNS. */
export function edns(udpPayloadSize: number, more: { readonly ednsVersion?: number } = {}): Packet {
  return {
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
        ...more,
      },
    ],
  };
}

/** The types of dns-packet lack the name of the response code. */
export type Reply = DecodedPacket & { readonly rcode: string };

/** Sends one message over UDP. @returns the reply's bytes */
export async function sendUdp(port: number, message: Buffer, host = '127.0.0.1'): Promise<Buffer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.send(message, port, host);
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(20_000) })) as [Buffer];
    return reply;
  } finally {
    socket.close();
  }
}

export async function askUdp(port: number, packet: Packet): Promise<Reply> {
  return decode(await sendUdp(port, encode(packet))) as Reply;
}

export async function askTcp(port: number, packet: Packet): Promise<Reply> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(streamEncode(packet));
    let received = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0))
        return decode(received.subarray(2)) as Reply;
    }
    throw new Error('the server closed the connection');
  } finally {
    socket.destroy();
  }
}
