import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { base64url } from './support/frontend-under-test.ts';
import { ask, lasting, startKnowing, TARGET, type Asked, type Knowing } from './support/knowing-frontend.ts';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(async () => {
  await opened.disposeAsync();
});

const KNOWS = ['in_memory', 'by_entry', 'by_rules', 'nothing'] as const;
/** Too slow to refill during a test. */
const budgetOf = (burst: number) => ({ rateLimit: { requestsPerSecond: 0.001, burst } });
const from = (client: string): Asked => ({ headers: ['Host: localhost', `X-Forwarded-For: ${client}`] });

async function statuses(frontend: Knowing, asked: readonly Asked[]): Promise<number[]> {
  const seen: number[] = [];
  for (const one of asked) seen.push((await ask(frontend, one)).status);
  return seen;
}

describe.each(KNOWS)('with a budget, a request whose copy is known %s', (knows) => {
  test('is counted once, and refused when the budget is used up', async () => {
    const frontend = await startKnowing(opened, 'public', budgetOf(3));
    frontend.manager.knows = knows;
    expect(await statuses(frontend, [{}, {}, {}, {}, {}])).toEqual([302, 302, 302, 429, 429]);
    const { requests } = frontend.manager;
    expect(requests).toHaveLength(knows === 'by_rules' || knows === 'nothing' ? 3 : 0);
  });

  test('is refused like every other request, by the application', async () => {
    const frontend = await startKnowing(opened, 'public', budgetOf(1));
    frontend.manager.knows = knows;
    const mine = { headers: ['Host: localhost', 'X-Request-Id: mine'] };
    expect((await ask(frontend, mine)).status).toBe(302);
    const other = await ask(frontend, { ...mine, target: '/v1/backends' });
    expect(other).toMatchObject({ status: 429, headers: { 'content-type': 'application/problem+json' } });
    const { headers: otherHeaders, ...otherParts } = lasting(other);
    const { headers, ...parts } = lasting(await ask(frontend, mine));
    expect(parts).toEqual(otherParts);
    // The time until the next allowed request passes between the two.
    expect({ ...headers, 'retry-after': '' }).toEqual({ ...otherHeaders, 'retry-after': '' });
    expect(Number(headers['retry-after'])).toBeGreaterThan(900);
    const lines = () => frontend.log.filter(({ status }) => status === 429);
    await vi.waitFor(() => expect(lines()).toHaveLength(2), 20_000);
    const [first, second] = lines().map(({ time: _time, durationMs: _durationMs, ...line }) => line);
    expect(second).toMatchObject({ route: 'unknown', outcome: 'too_many_requests', requestId: 'mine' });
    expect(second).toEqual(first);
  });

  test('is taken from the budget of the client that a trusted proxy names', async () => {
    const server = { ...budgetOf(1), trustedProxies: ['127.0.0.0/8'] };
    const frontend = await startKnowing(opened, 'public', server);
    frontend.manager.knows = knows;
    const clients = [
      ['192.0.2.1', 302],
      ['192.0.2.2', 302],
      ['192.0.2.1', 429],
      // A client may write anything before the proxy's own entry.
      ['203.0.113.9, 192.0.2.2', 429],
      ['2001:db8:1:2::1', 302],
      ['2001:db8:1:2:ffff::1', 429],
      ['unknown', 302],
      ['another name', 429],
    ] as const;
    const seen = await statuses(
      frontend,
      clients.map(([client]) => from(client)),
    );
    expect(seen).toEqual(clients.map(([, status]) => status));
  });

  test('is taken from the budget of the connection’s address if no proxy is trusted', async () => {
    const frontend = await startKnowing(opened, 'public', budgetOf(1));
    frontend.manager.knows = knows;
    expect(await statuses(frontend, [from('192.0.2.1'), from('192.0.2.2')])).toEqual([302, 429]);
  });
});

test('a warning names a proxy whose clients share one budget, once', async () => {
  const frontend = await startKnowing(opened, 'public', budgetOf(1));
  const warnings = () => frontend.log.filter(({ key }) => key === 'server.trustedProxies');
  expect(await statuses(frontend, [{}, {}])).toEqual([302, 429]);
  expect(warnings()).toEqual([]);
  expect(await statuses(frontend, [from('192.0.2.1'), from('192.0.2.2')])).toEqual([429, 429]);
  expect(warnings()).toMatchObject([{ level: 'warn' }]);
});

test('no warning names a proxy that is trusted', async () => {
  const server = { ...budgetOf(1), trustedProxies: ['127.0.0.0/8'] };
  const frontend = await startKnowing(opened, 'public', server);
  expect(await statuses(frontend, [from('192.0.2.1'), from('192.0.2.1')])).toEqual([302, 429]);
  expect(frontend.log.filter(({ key }) => key === 'server.trustedProxies')).toEqual([]);
});

test('a request that is refused because of its head costs no budget', async () => {
  const frontend = await startKnowing(opened, 'public', budgetOf(1));
  expect((await ask(frontend, { headers: [] })).status).toBe(400);
  expect((await ask(frontend, { headers: ['Host: localhost', 'Content-Length: 65537'] })).status).toBe(413);
  expect(await statuses(frontend, [{}, {}])).toEqual([302, 429]);
});

test('probes and scrapes are answered even if the budget is used up', async () => {
  const frontend = await startKnowing(opened, 'public', budgetOf(1));
  expect(await statuses(frontend, [{}, {}])).toEqual([302, 429]);
  for (const path of ['/livez', '/readyz', '/metrics', '/v1/ping'])
    expect((await frontend.fetch(path)).status).not.toBe(429);
});

test('a refused request is not parsed', async () => {
  const frontend = await startKnowing(opened, 'public', budgetOf(1));
  await ask(frontend);
  const target = TARGET.replace(/[^/]+$/, base64url('https://artifacts.example.com/another'));
  expect((await ask(frontend, { target })).status).toBe(429);
  expect(frontend.manager.read).toBe(1);
});

test.each([{}, { method: 'HEAD' }, { headers: ['Host: localhost', 'Cache-Control: no-cache'] }])(
  'a request is parsed once and hashed once, also where memory cannot answer it: %j',
  async (asked) => {
    const frontend = await startKnowing(opened);
    frontend.manager.knows = 'nothing';
    expect((await ask(frontend, asked)).status).toBe(302);
    expect(frontend.manager.read).toBe(1);
    // The application gets the object that the parser created.
    const [request] = frontend.manager.requests;
    expect(request?.object).toBe(frontend.manager.objects[0]);
    expect(request?.url.href).toBe(request?.object?.url);
  },
);
