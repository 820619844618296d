import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { QueueError } from '@cloud-mirror/job-queue';
import { StorageError } from '@cloud-mirror/storage-provider';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';
import { startChainOrigin, type ChainOrigin } from './chain-origin.ts';

/*
 * Stores, queues and Redis quote what they were asked for, in a spelling of their own: percent-encoded in an XML error,
 * escaped in JSON. The log must not contain the query of the origin URL, in whatever spelling.
 */

const SECRET = 'q9/Zk+27x=Lm&n0';
const ENCODED = encodeURIComponent(SECRET);

let origin: ChainOrigin;
let mirror: MirrorInProcess;
beforeEach(async () => {
  origin = await startChainOrigin();
  origin.answer = () => ({ status: 200, body: 'content' });
  mirror = await openMirrorInProcess({
    allow: [
      {
        prefix: `http://artifacts.test:${origin.port}/`,
        tls: 'optional',
        privateAddresses: true,
        signedQuery: 'keep',
      },
    ],
    origin: { resolver: async () => [{ address: '127.0.0.1', family: 4 }] },
    overrides: {
      log: { level: 'trace' },
      queue: { kind: 'memory', maxReceiveCount: 1 },
      admin: {
        tokens: [
          {
            name: 'operator',
            sha256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
            scopes: ['read', 'queue', 'purge'],
          },
        ],
      },
    },
  });
});
afterEach(async () => {
  await mirror[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

type Spelled = (url: string) => string;
const SPELLINGS: readonly (readonly [string, Spelled])[] = [
  ['as it is', (url) => url],
  ['percent-encoded', encodeURIComponent],
  ['percent-encoded twice', (url) => encodeURIComponent(encodeURIComponent(url))],
  ['decoded', decodeURIComponent],
  ['in XML', (url) => encodeURIComponent(url).replaceAll('%', '&#37;')],
  ['in JSON in JSON', (url) => JSON.stringify(JSON.stringify(url)).replaceAll('=', '\\u003d')],
  ['in base64', (url) => Buffer.from(url).toString('base64')],
  [
    'without what stands before the query, percent-encoded',
    (url) => encodeURIComponent(url.slice(url.indexOf('?'))),
  ],
  ['a value alone', () => ENCODED],
];

/** Lets a part fail with errors that quote the URL, the innermost as a cause. */
function letFail(part: object, error: (message: string) => Error, message: string): void {
  const fail = (): Promise<never> =>
    Promise.reject(Object.assign(error(message), { cause: new Error(`caused by ${message}`) }));
  const names = ['get', 'claim', 'take', 'commit', 'drop', 'head', 'put', 'delete', 'enqueue', 'purge'];
  Object.assign(part, Object.fromEntries(names.filter((name) => name in part).map((name) => [name, fail])));
}

/** Whether a part of the secret remains in one of the likely spellings. */
function leaked(text: string): boolean {
  let plain = text;
  for (let depth = 0; depth < 5; depth += 1)
    plain = plain
      .replaceAll('&#37;', '%')
      .replaceAll(/\\+u003d/g, '=')
      .replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  const inBase64 = [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + ENCODED)
      .toString('base64')
      .slice(4, 16),
  );
  return plain.includes(SECRET.slice(0, 10)) || inBase64.some((part) => text.includes(part));
}

test.each(SPELLINGS)('errors of every part that quote the URL %s', async (_, spelled) => {
  const url = `http://artifacts.test:${origin.port}/object?build=17&pass=${ENCODED}`;
  const quoted = spelled(url);
  expect(leaked(quoted)).toBe(true);
  const object = `${BACKEND}/${Buffer.from(url).toString('base64url')}`;
  const backend = mirror.adapters.backends.get(BACKEND);
  if (backend === undefined) throw new Error('no back end');
  const ask = (path: string, method = 'GET') =>
    fetchOnWire(mirror.url(path), { method, headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } });
  const failures = () => mirror.log.filter(({ err }) => err !== undefined).length;

  // The copier, then the front end.
  letFail(
    backend.store,
    (message) => new StorageError('store_rejected', message, { retryable: false }),
    quoted,
  );
  await ask(`/v1/redirect/${object}?wait=2`);
  await eventually(() => expect(failures()).toBeGreaterThan(0));
  await ask(`/v1/purge/${object}`, 'DELETE');
  letFail(backend.queue, (message) => new QueueError('queue_unavailable', message), quoted);
  await ask(`/v1/redirect/${object}1?wait=1`);
  letFail(mirror.adapters.entries, (message) => new EntryStoreError(message), quoted);
  await ask(`/v1/redirect/${object}`);
  await ask(`/v1/status/${object}`);
  await ask(`/v1/purge/${object}`, 'DELETE');

  expect(failures()).toBeGreaterThan(3);
  const lines = mirror.log.map((line) => JSON.stringify(line));
  expect(lines.filter(leaked)).toEqual([]);
});
