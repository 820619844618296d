import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { urlSha256 } from '@cloud-mirror/mirrored-objects';
import { normalizeOriginUrl, type Resolver } from '@cloud-mirror/origin';
import { ConnectionAttempts } from '@cloud-mirror/testing/connection-attempts';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import type { ConfigObject } from '@cloud-mirror/testing/mirror-config';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';
import { ALLOWED_SOURCES, HOSTILE_NAMES, HOSTILE_URLS, type HostileUrl } from './hostile-urls.ts';

/*
 * Sends every hostile URL through front end and copier with three sets of rules: the fewest possible; one rule for the
 * host and port of each URL; and these rules with private addresses allowed, to test what is refused even then. The test
 * records every connection attempt of the process, and has listeners where one could arrive by mistake.
 */

const resolver: Resolver = async (host) => {
  const addresses = HOSTILE_NAMES.get(host);
  if (addresses === undefined) throw new Error(`no such name: ${host}`);
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};

const ALL = Object.entries(HOSTILE_URLS).flatMap(([trick, urls]) => urls.map((one) => ({ trick, ...one })));

let traps: readonly Server[];
let trapped = 0;

beforeAll(async () => {
  traps = await Promise.all(['0.0.0.0', '::1'].map((address) => trap(address)));
});

afterAll(async () => {
  await Promise.all(traps.map((server) => server[Symbol.asyncDispose]()));
});

async function trap(address: string): Promise<Server> {
  const server = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  server.listen(0, address);
  await once(server, 'listening');
  return server;
}

/** Rules for the exact scheme, host and port of each URL. */
function rulesFor(urls: readonly string[], rule: ConfigObject): ConfigObject[] {
  const origins = urls.flatMap((url) => {
    try {
      return [normalizeOriginUrl(url).origin];
    } catch {
      return [];
    }
  });
  return [...new Set(origins)].map((origin) => ({ prefix: `${origin}/`, tls: 'optional', ...rule }));
}

const SPELLINGS: readonly ((url: string) => string)[] = [
  (url) => Buffer.from(url).toString('base64url'),
  (url) => `${encodeURIComponent(url)}/artifact.tar.gz`,
];

async function expectRefused(mirror: MirrorInProcess, { url, refusal }: HostileUrl): Promise<void> {
  const status = refusal === 'not_allowed' ? 403 : 400;
  for (const spell of SPELLINGS) {
    const path = mirror.url(`/v1/redirect/${BACKEND}/${spell(url)}`);
    const answer = await fetchOnWire(path);
    expect({ status: answer.status, code: answer.json()['code'] }, answer.text).toEqual({
      status,
      code: refusal,
    });
    expect(answer.headers['location']).toBeUndefined();
    expect((await fetchOnWire(path, { method: 'HEAD' })).status).toBe(status);
  }
}

async function expectNothingHappened(mirror: MirrorInProcess, attempts: ConnectionAttempts): Promise<void> {
  // The only connections were to the front end, from the clients of this test.
  expect(attempts.elsewhereThan(mirror.port)).toEqual([]);
  expect(trapped).toBe(0);
  expect(await mirror.storedFiles()).toEqual([]);
}

describe.each([
  { rules: 'that allow two places', allow: ALLOWED_SOURCES.map((prefix) => ({ prefix })), urls: ALL },
  {
    rules: 'that allow the host of each URL',
    allow: rulesFor(
      ALL.map(({ url }) => url),
      { signedQuery: 'keep' },
    ),
    urls: ALL.filter(({ by }) => by === 'guard'),
  },
])('with rules $rules', ({ allow, urls }) => {
  let attempts: ConnectionAttempts;
  let mirror: MirrorInProcess;
  beforeAll(async () => {
    attempts = new ConnectionAttempts();
    mirror = await openMirrorInProcess({ allow, origin: { resolver } });
  });
  afterAll(async () => {
    attempts[Symbol.dispose]();
    await mirror[Symbol.asyncDispose]();
  });

  test.each(urls)('$trick: $url ($why)', async (hostile) => {
    await expectRefused(mirror, hostile);
  });

  test('no connection was attempted and nothing was stored', async () => {
    await expectNothingHappened(mirror, attempts);
  });

  test('forged jobs for these URLs cause no connection and store nothing', async () => {
    const queue = mirror.adapters.backends.get(BACKEND)?.queue;
    for (const { url } of urls) await queue?.enqueue(jobFor(url)).catch(() => undefined);
    await eventually(async () => {
      const depth = await queue?.depth();
      return depth?.waiting === 0 && depth.inFlight === 0;
    });
    for (const { url } of urls) {
      const entry = await mirror.adapters.entries.get({ backend: BACKEND, sha256: urlSha256(url) });
      expect(entry?.state).not.toBe('present');
    }
    await expectNothingHappened(mirror, attempts);
  });

  test('the log has no line of level error', () => {
    const errors = mirror.log.filter(({ level }) => level === 'error' || level === 'fatal');
    expect(errors.filter(({ outcome }) => outcome !== 'dead_letter')).toEqual([]);
  });
});

function jobFor(url: string) {
  return {
    v: 1 as const,
    service: 'local',
    region: 'here',
    url,
    token: 'of-a-stranger',
    generation: '',
    requestId: 'hostile',
    enqueuedAt: new Date().toISOString(),
  };
}

describe('with rules that allow private addresses', () => {
  /** The URLs above that no rule can allow, and URLs with the ports of the trap listeners. */
  const closed = (ports: readonly number[]): HostileUrl[] => [
    ...ALL.filter(
      ({ trick, url }) =>
        trick === 'credentials of clouds' &&
        // A rule with `privateAddresses` allows these hosts.
        !url.includes('docker') &&
        !url.includes('kubernetes'),
    ),
    ...ports
      .flatMap((port) => [
        `http://0.0.0.0:${port}/`,
        `http://0:${port}/`,
        `http://[::]:${port}/`,
        `http://[::ffff:127.0.0.1]:${port}/`,
        `http://[::7f00:1]:${port}/`,
        `http://[64:ff9b::7f00:1]:${port}/`,
        `http://mapped.test:${port}/`,
        `http://zone.test:${port}/`,
      ])
      .map((url) => ({ url, why: 'a trap', refusal: 'not_allowed' as const, by: 'guard' as const })),
  ];

  test('addresses that no rule can allow are still refused', async () => {
    const urls = closed(traps.map((server) => (server.address() as AddressInfo).port));
    const allow = rulesFor(
      urls.map(({ url }) => url),
      { privateAddresses: true },
    );
    using attempts = new ConnectionAttempts();
    await using mirror = await openMirrorInProcess({ allow, origin: { resolver } });
    for (const url of urls) await expectRefused(mirror, url);
    await expectNothingHappened(mirror, attempts);
  });
});
