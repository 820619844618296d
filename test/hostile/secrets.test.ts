import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { urlSha256 } from '@cloud-mirror/mirrored-objects';
import type { Resolver } from '@cloud-mirror/origin';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';
import { createHash } from 'node:crypto';
import { startChainOrigin, type ChainAnswer, type ChainOrigin } from './chain-origin.ts';

/*
 * The target of a redirect may contain a signature. Whatever happens, only the target host sees it.
 */

const SECRET = 'S3cr3tS1gnature';
const resolver: Resolver = async () => [{ address: '127.0.0.1', family: 4 }];

let origin: ChainOrigin;
let mirror: MirrorInProcess;

beforeEach(async () => {
  origin = await startChainOrigin();
  const rule = { tls: 'optional', privateAddresses: true };
  mirror = await openMirrorInProcess({
    allow: ['artifacts.test', 'store.test'].map((name) => ({
      prefix: `http://${name}:${origin.port}/`,
      ...rule,
    })),
    origin: { resolver },
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

const signed = () => `http://store.test:${origin.port}/signed?X-Amz-Signature=${SECRET}&token=${SECRET}`;

test.each<[what: string, answer: (method: string) => ChainAnswer]>([
  ['has the object', () => ({ status: 200, body: 'content' })],
  ['is refused', () => ({ status: 403, body: SECRET })],
  ['is not found', () => ({ status: 404 })],
  ['fails', () => ({ status: 500 })],
  ['is refused only when it counts', (method) => ({ status: method === 'HEAD' ? 200 : 403 })],
  ['breaks off', () => ({ status: 200, body: 'x'.repeat(100), cutAfter: 10 })],
  ['is no HTTP', () => ({ raw: `${SECRET}\r\n\r\n` })],
  ['redirects to itself', () => ({ status: 302, location: signed() })],
  [
    'redirects to credentials',
    () => ({ status: 302, location: `http://user:${SECRET}@store.test:${origin.port}/x` }),
  ],
  [
    'redirects to a signed address that is not allowed',
    () => ({ status: 302, location: `http://evil.test/x?sig=${SECRET}` }),
  ],
  ['redirects to what is no URL', () => ({ status: 302, location: `http://[${SECRET}` })],
])('a signed address that %s', async (_, answer) => {
  origin.answer = ({ method, path }) =>
    path.startsWith('/signed') ? answer(method) : { status: 302, location: signed() };
  const url = `http://artifacts.test:${origin.port}/object`;
  const object = `${BACKEND}/${Buffer.from(url).toString('base64url')}`;
  const operator = { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } };

  const shown: string[] = [];
  const ask = async (path: string, options = {}) => {
    const { headers, text } = await fetchOnWire(mirror.url(path), options);
    shown.push(JSON.stringify(headers), text);
  };
  await ask(`/v1/redirect/${object}?wait=3`);
  await ask(`/v1/status/${object}`, operator);
  await ask(`/v1/dead-letters/${BACKEND}`, operator);
  await ask('/metrics');
  const entry = await mirror.adapters.entries.get({ backend: BACKEND, sha256: urlSha256(url) });
  const files = await Promise.all((await mirror.storedFiles()).map((file) => readFile(file, 'latin1')));

  // The target host got a request with the signature.
  expect(origin.requests.some(({ path }) => path.includes(SECRET))).toBe(true);
  expect(shown.join('\n')).not.toContain(SECRET);
  expect(JSON.stringify(entry)).not.toContain(SECRET);
  expect(files.join('\n')).not.toContain(SECRET);
  expect(JSON.stringify(mirror.log)).not.toContain(SECRET);
  expect(JSON.stringify(mirror.log)).not.toContain(ADMIN_TOKEN);
});
