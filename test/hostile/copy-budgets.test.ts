import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Resolver } from '@cloud-mirror/origin';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import type { ConfigObject } from '@cloud-mirror/testing/mirror-config';
import { startChainOrigin, type ChainOrigin } from './chain-origin.ts';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';

/*
 * A stranger asks for forty objects of an allowed source at once. Without budgets these are forty copies. With a budget no
 * more are made than it allows, and each client gets its object from the origin.
 */

const resolver: Resolver = async () => [{ address: '127.0.0.1', family: 4 }];
const AUTHORIZED = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };
const BODY = 'x'.repeat(1000);

let origin: ChainOrigin;
let mirror: MirrorInProcess;

beforeEach(async () => {
  origin = await startChainOrigin();
  origin.answer = ({ path }) => (path.startsWith('/gone') ? { status: 404 } : { status: 200, body: BODY });
});

afterEach(async () => {
  await mirror[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

async function openMirror({ rule = {}, service = {} }: { rule?: ConfigObject; service?: ConfigObject }) {
  const open = { tls: 'optional', privateAddresses: true, query: 'keep' };
  mirror = await openMirrorInProcess({
    allow: [
      { prefix: `http://limited.test:${origin.port}/`, ...open, ...rule },
      { prefix: `http://other.test:${origin.port}/`, ...open },
    ],
    origin: { resolver },
    overrides: {
      services: { local: service },
      admin: {
        tokens: [
          {
            name: 'operator',
            sha256: createHash('sha256').update(ADMIN_TOKEN).digest('hex'),
            scopes: ['read', 'purge', 'flush'],
          },
        ],
      },
    },
  });
}

const FORTY = Array.from({ length: 40 }, (_, index) => `/f?v=${index}`);
const urlOf = (path: string, name = 'limited') => `http://${name}.test:${origin.port}${path}`;
const call = (what: string, url: string, init = {}) =>
  fetchOnWire(mirror.url(`/v1/${what}/${BACKEND}/${Buffer.from(url).toString('base64url')}`), init);
const request = (path: string, name?: string) => call('redirect', urlOf(path, name));
const metric = async () =>
  /^cloud_mirror_over_budget_total\{.*\} \d+$/m.exec(await mirror.registry.metrics())?.[0];

test.each<[what: string, copies: number, settings: { rule?: ConfigObject; service?: ConfigObject }]>([
  ['no budget', 40, {}],
  ['copiesPerMinute of a rule', 7, { rule: { budgets: { copiesPerMinute: 7 } } }],
  ['bytesPerDay of a rule', 5, { rule: { budgets: { bytesPerDay: 5_500 } } }],
  ['copiesPerMinute of a service', 7, { service: { budgets: { copiesPerMinute: 7 } } }],
  ['bytesPerDay of a service', 5, { service: { budgets: { bytesPerDay: 5_500 } } }],
  ['bytesStored of a service', 5, { service: { budgets: { bytesStored: 5_500 } } }],
  ['copiesPerMinute of a region', 7, { service: { regions: { here: { budgets: { copiesPerMinute: 7 } } } } }],
  ['bytesStored of a region', 5, { service: { regions: { here: { budgets: { bytesStored: 5_500 } } } } }],
  [
    'the smallest of several',
    3,
    {
      rule: { budgets: { copiesPerMinute: 9 } },
      service: { budgets: { bytesStored: 3_000, bytesPerDay: 9_999 } },
    },
  ],
])('%s: forty objects at once make %i copies', async (_, copies, settings) => {
  await openMirror(settings);
  const answers = await Promise.all(FORTY.map((path) => request(path)));
  const refused = answers.filter(({ headers }) => headers['cache-status']?.includes('over_budget'));
  expect(refused).toHaveLength(40 - copies);
  expect(answers.every(({ status }) => status === 302)).toBe(true);
  for (const { headers } of refused)
    expect(headers['location']).toMatch(/^http:\/\/limited\.test:\d+\/f\?v=/);
  expect(await mirror.storedFiles()).toHaveLength(copies);
  const lines = mirror.log.filter(({ msg }) => String(msg).includes('budget of new copies'));
  expect(lines).toHaveLength(copies === 40 ? 0 : 1);
  if (copies < 40) expect(await metric()).toMatch(new RegExp(`\\.budgets\\..* ${40 - copies}$`));
});

test('a copy that is there is served, whatever the budgets', async () => {
  await openMirror({ rule: { budgets: { copiesPerMinute: 1 } } });
  await request('/first');
  expect((await request('/second')).headers['cache-status']).toContain('over_budget');
  expect((await request('/first')).headers['cache-status']).toBe('cloud-mirror; hit');
  await fetchOnWire(mirror.url('/v1/cache'), { ...AUTHORIZED, method: 'DELETE' });
  expect((await request('/first')).headers['cache-status']).toBe('cloud-mirror; hit');
});

test('objects that are not copied do not count', async () => {
  await openMirror({ rule: { budgets: { copiesPerMinute: 1 } } });
  for (let index = 0; index < 5; index += 1) expect((await request(`/gone/${index}`)).status).toBe(404);
  expect((await request('/first')).headers['cache-status']).toContain('stored');
});

test("another rule's objects are not affected", async () => {
  await openMirror({ rule: { budgets: { copiesPerMinute: 0 } } });
  expect((await request('/f')).headers['cache-status']).toContain('over_budget');
  expect((await request('/f', 'other')).headers['cache-status']).toContain('stored');
});

test('while a budget is spent, the origin is not asked about each object', async () => {
  await openMirror({ rule: { budgets: { copiesPerMinute: 0 } } });
  await request('/0');
  const before = origin.requests.length;
  await Promise.all(FORTY.map((path) => request(path)));
  // None, unless the forty requests take longer than a spent budget is remembered.
  expect(origin.requests.length - before).toBeLessThan(FORTY.length);
});

test('the status names the budget, the answer to the client does not', async () => {
  await openMirror({ service: { budgets: { bytesStored: 999 } } });
  const answer = await request('/f');
  expect(answer.json()).toMatchObject({ status: 'error', url: urlOf('/f') });
  expect(answer.text).not.toContain('999');
  // The entry lives for some seconds.
  await eventually(async () => {
    await request('/f');
    const status = await call('status', urlOf('/f'), AUTHORIZED);
    expect(status.json()).toMatchObject({
      entry: {
        state: 'error',
        code: 'over_budget',
        stack: expect.stringContaining('services.local') as string,
      },
      redirect: { to: 'origin' },
    });
    return true;
  });
});

test('a purge gives back the bytes that were stored', async () => {
  await openMirror({ service: { budgets: { bytesStored: 1_500 } } });
  await request('/first');
  expect((await request('/second')).headers['cache-status']).toContain('over_budget');
  expect((await call('purge', urlOf('/first'), { ...AUTHORIZED, method: 'DELETE' })).status).toBe(204);
  expect((await request('/third')).headers['cache-status']).toContain('stored');
});

test('a copy that fails gives back its bytes', async () => {
  await openMirror({ rule: { budgets: { bytesPerDay: 1_500 } } });
  origin.answer = ({ method, path }) =>
    path === '/bad' && method === 'GET' ? { status: 410 } : { status: 200, body: BODY };
  expect((await request('/bad')).status).toBe(410);
  expect((await request('/good')).headers['cache-status']).toContain('stored');
});
