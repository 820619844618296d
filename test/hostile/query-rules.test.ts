import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshToken, jobFor, mirroredObject } from '@cloud-mirror/mirrored-objects';
import type { Resolver } from '@cloud-mirror/origin';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import { startChainOrigin, type ChainOrigin } from './chain-origin.ts';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';

/*
 * One object of an allowed source under forty queries. With `query: keep` these are forty copies. The other settings bound
 * them, and every call agrees on the object that a URL names.
 */

const resolver: Resolver = async () => [{ address: '127.0.0.1', family: 4 }];
const FORTY = Array.from({ length: 40 }, (_, index) => `?v=${index}`);
const AUTHORIZED = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };

let origin: ChainOrigin;
let mirror: MirrorInProcess;
/** Paths and queries that the origin was asked for. */
let asked: Set<string>;

beforeEach(async () => {
  origin = await startChainOrigin();
  asked = new Set();
  origin.answer = ({ path }) => {
    asked.add(path);
    return path.startsWith('/moves/')
      ? { status: 302, location: `http://ignoring.test:${origin.port}/target?X-Amz-Signature=abc&v=1` }
      : { status: 200, body: path };
  };
  const rules = { keeping: 'keep', refusing: 'refuse', ignoring: 'ignore', naming: ['version'] };
  mirror = await openMirrorInProcess({
    allow: Object.entries(rules).map(([name, query]) => ({
      prefix: `http://${name}.test:${origin.port}/`,
      tls: 'optional',
      privateAddresses: true,
      query,
    })),
    origin: { resolver },
    overrides: {
      admin: {
        tokens: [
          {
            name: 'operator',
            sha256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
            scopes: ['read', 'purge'],
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

const urlOf = (name: string, rest: string) => `http://${name}.test:${origin.port}/f.tgz${rest}`;
const pathOf = (call: string, url: string) =>
  mirror.url(`/v1/${call}/${BACKEND}/${Buffer.from(url).toString('base64url')}`);
const request = (name: string, rest: string) => fetchOnWire(pathOf('redirect', urlOf(name, rest)));

test.each([
  ['keeping', 40, 302],
  ['refusing', 0, 403],
  ['ignoring', 1, 302],
  ['naming', 0, 403],
])('forty queries of a %s rule make %i copies', async (name, copies, status) => {
  const answers = await Promise.all(FORTY.map((query) => request(name, query)));
  expect(answers.map((answer) => answer.status)).toEqual(FORTY.map(() => status));
  expect(new Set(answers.map(({ headers }) => headers['location'])).size).toBe(copies === 0 ? 1 : copies);
  expect(await mirror.storedFiles()).toHaveLength(copies);
  expect(asked.size).toBe(copies);
});

test('the refusal names the parameter and not its value', async () => {
  const answer = await request('naming', '?version=1&other=s3cret');
  expect(answer.json()).toMatchObject({ status: 403, code: 'not_allowed' });
  expect(answer.json()['detail']).toContain('the parameter other');
  expect(answer.text).not.toContain('s3cret');
  expect(JSON.stringify(mirror.log)).not.toContain('s3cret');
});

test('without a copy the client is sent to the URL without the ignored query', async () => {
  const answer = await fetchOnWire(pathOf('redirect', urlOf('ignoring', '?token=s3cret')), {
    headers: { prefer: 'wait=0' },
  });
  expect(answer.headers['location']).toBe(urlOf('ignoring', ''));
  // Any other query waits for the same copy, or finds it.
  await eventually(
    async () => (await request('ignoring', '?other')).headers['cache-status'] === 'cloud-mirror; hit',
  );
  expect(await mirror.storedFiles()).toHaveLength(1);
  expect([...asked]).toEqual(['/f.tgz']);
});

test('status and purge of any ignored query mean the one object', async () => {
  await request('ignoring', '?v=1');
  const status = await fetchOnWire(pathOf('status', urlOf('ignoring', '?v=2')), AUTHORIZED);
  expect(status.json()).toMatchObject({ url: urlOf('ignoring', ''), entry: { state: 'present' } });
  const purge = await fetchOnWire(pathOf('purge', urlOf('ignoring', '?v=3')), {
    ...AUTHORIZED,
    method: 'DELETE',
  });
  expect(purge.status).toBe(204);
  expect(purge.headers['cloud-mirror-purged']).toBeUndefined();
  asked.clear();
  await request('ignoring', '?v=1');
  expect([...asked]).toEqual(['/f.tgz']);
});

test('a redirect target has its query under any rule', async () => {
  const url = `http://ignoring.test:${origin.port}/moves/f.tgz?v=1`;
  const answer = await fetchOnWire(pathOf('redirect', url));
  expect(answer.headers['cache-status']).toContain('stored');
  expect([...asked]).toEqual(['/moves/f.tgz', '/target?X-Amz-Signature=abc&v=1']);
});

test('a job for a URL with an ignored query is not copied', async () => {
  const backend = mirror.adapters.backends.get(BACKEND);
  if (backend === undefined) throw new Error(`no ${BACKEND}`);
  const object = mirroredObject(backend, urlOf('ignoring', '?v=1'));
  await backend.queue.enqueue(jobFor(object, { token: freshToken(), generation: '', requestId: 'forged' }));
  await eventually(() => expect(mirror.log.map(({ outcome }) => outcome)).toContain('failed'));
  expect(asked.size).toBe(0);
  expect(await mirror.storedFiles()).toEqual([]);
});
