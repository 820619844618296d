import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { takesWholeMessages } from '@cloud-mirror/http-service';
import { MessageStart } from '../src/redirect/hit-message.ts';
import { base64url } from './support/frontend-under-test.ts';
import {
  ask,
  CLOSE,
  COPY,
  lasting,
  startKnowing,
  TARGET,
  URL_OF_OBJECT,
  type Asked,
} from './support/knowing-frontend.ts';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(async () => {
  vi.useRealTimers();
  await opened.disposeAsync();
});

const same: readonly { readonly what: string; readonly asked: Asked }[] = [
  { what: 'GET', asked: {} },
  { what: 'a file name', asked: { target: `${TARGET}/a-b.tar.zst` } },
  { what: 'a query', asked: { target: `${TARGET}?wait=0` } },
  { what: 'a preference', asked: { headers: ['Host: localhost', 'Prefer: respond-async'] } },
  {
    what: 'an older client that keeps connections',
    asked: { version: '1.0', headers: ['Connection: keep-alive'] },
  },
  { what: 'a request identifier', asked: { headers: ['Host: localhost', 'X-Request-Id: mine'] } },
];

describe.each(['public', 'signed'] as const)('a plain hit on a %s copy', (access) => {
  test.each(same)('is answered as the application answers it: $what', async ({ asked }) => {
    const frontend = await startKnowing(opened, access);
    vi.useFakeTimers({ toFake: ['Date'] });
    frontend.manager.knows = 'by_rules';
    const byApplication = await ask(frontend, asked);
    expect(byApplication.status).toBe(302);
    expect(frontend.manager.requests).toHaveLength(1);
    for (const knows of ['by_entry', 'in_memory', 'in_memory'] as const) {
      frontend.manager.knows = knows;
      const answer = await ask(frontend, asked);
      expect(lasting(answer)).toEqual(lasting(byApplication));
      if (asked.headers?.includes('X-Request-Id: mine')) expect(answer.headers['x-request-id']).toBe('mine');
    }
    expect(frontend.manager.requests).toHaveLength(1);
  });
});

test('a remembered hit has the max-age of the configuration', async () => {
  const frontend = await startKnowing(opened, 'public', { redirectMaxAgeSeconds: 60 });
  expect((await ask(frontend)).headers['cache-control']).toBe('private, max-age=60');
});

test('remembered hits have the same logs and metrics as other hits', async () => {
  const frontend = await startKnowing(opened);
  const lines: unknown[] = [];
  for (const knows of ['by_rules', 'by_entry', 'in_memory'] as const) {
    frontend.manager.knows = knows;
    await ask(frontend, { headers: ['Host: localhost', 'X-Request-Id: mine'] });
    await vi.waitFor(
      () => expect(frontend.log.filter(({ msg }) => msg === 'request')).toHaveLength(lines.length + 1),
      20_000,
    );
    const { time: _time, durationMs, ...line } = frontend.log.findLast(({ msg }) => msg === 'request') ?? {};
    expect(durationMs).toBeTypeOf('number');
    lines.push(line);
  }
  expect(lines[0]).toMatchObject({ requestId: 'mine', status: 302, route: 'redirect', outcome: 'hit' });
  expect(lines[1]).toEqual(lines[0]);
  expect(lines[2]).toEqual(lines[0]);
  expect(frontend.manager.requests).toHaveLength(1);
  const metrics = await (await frontend.fetch('/metrics')).text();
  expect(metrics).toContain('cloud_mirror_http_requests_total{route="redirect",method="GET",status="302"} 3');
  expect(metrics).toContain('cloud_mirror_redirects_total{service="s3",region="us-west-1",outcome="hit"} 3');
  expect(metrics).toContain('cloud_mirror_http_request_duration_seconds_count{route="redirect"} 3');
});

const forTheApplication: readonly {
  readonly what: string;
  readonly asked: Asked;
  readonly status: number;
}[] = [
  {
    what: 'a check is wanted',
    asked: { headers: ['Host: localhost', 'Cache-Control: no-cache'] },
    status: 302,
  },
  { what: 'a body comes', asked: { headers: ['Host: localhost', 'Content-Length: 0'] }, status: 302 },
  { what: 'the connection is not kept', asked: { headers: ['Host: localhost', CLOSE] }, status: 302 },
  { what: 'the head is wanted', asked: { method: 'HEAD' }, status: 302 },
  { what: 'no host is named', asked: { headers: [] }, status: 400 },
  { what: 'another method is asked for', asked: { method: 'OPTIONS' }, status: 405 },
  { what: 'the region is unknown', asked: { target: TARGET.replace('us-west-1', 'nowhere') }, status: 302 },
  { what: 'the parameter is none', asked: { target: '/v1/redirect/s3/us-west-1/a' }, status: 400 },
  {
    what: 'the source is refused',
    asked: { target: `/v1/redirect/s3/us-west-1/${base64url('https://refused.example/')}` },
    status: 302,
  },
];

test.each(forTheApplication)('is left to the application where $what', async ({ asked, status }) => {
  const frontend = await startKnowing(opened);
  await ask(frontend);
  expect(frontend.manager.requests).toHaveLength(0);
  expect((await ask(frontend, asked)).status).toBe(status);
  // The fake answers every request that reaches it with 302.
  expect(frontend.manager.requests).toHaveLength(status === 302 ? 1 : 0);
});

test.each(['nothing', 'by_rules', 'a_fault'] as const)(
  'what is no plain hit is decided once: %s',
  async (knows) => {
    const frontend = await startKnowing(opened);
    frontend.manager.knows = knows;
    const { headers } = await ask(frontend);
    expect(headers['cache-status']).toBe(
      knows === 'nothing' ? 'cloud-mirror; fwd=miss; detail=not_waiting' : 'cloud-mirror; hit',
    );
    expect(frontend.manager.requests).toMatchObject([{ missing: knows === 'nothing' }]);
    await vi.waitFor(
      () => expect(frontend.log.filter(({ msg }) => msg === 'request')).toHaveLength(1),
      20_000,
    );
  },
);

test.each(['nothing', 'by_entry'] as const)(
  'a client that goes away is told of once and waited for by nobody: %s',
  async (knows) => {
    const frontend = await startKnowing(opened);
    frontend.manager.knows = knows;
    const answer = Promise.withResolvers<void>();
    frontend.manager.answered = answer.promise;
    const client = connect(Number(new URL(frontend.address).port), '127.0.0.1');
    client.write(`GET ${TARGET} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n\r\n`);
    await frontend.manager.asked;
    client.destroy();
    await once(client, 'close');
    const told = () => frontend.log.filter(({ msg }) => msg === 'request');
    await vi.waitFor(() => expect(told()).toHaveLength(1), 20_000);
    answer.resolve();
    frontend.manager.answered = Promise.resolve();
    await ask(frontend, { headers: ['Host: localhost', 'X-Request-Id: next'] });
    await vi.waitFor(() => expect(told()).toHaveLength(2), 20_000);
    expect(told().map(({ requestId }) => requestId)).toEqual(['mine', 'next']);
    expect(told()[0]).toMatchObject({
      route: 'redirect',
      outcome: 'client_gone',
      clientGone: true,
      status: null,
    });
    expect(frontend.manager.requests).toHaveLength(knows === 'nothing' ? 1 : 0);
  },
);

test('an error of the memory is left to the application, even if the answer was remembered', async () => {
  const frontend = await startKnowing(opened);
  for (const knows of ['in_memory', 'a_fault', 'in_memory'] as const) {
    frontend.manager.knows = knows;
    expect((await ask(frontend)).headers['cache-status']).toBe('cloud-mirror; hit');
  }
  expect(frontend.manager.requests).toHaveLength(1);
});

test('a wait counts from the arrival of the request, not from a failed look-up in memory', async () => {
  const frontend = await startKnowing(opened);
  frontend.manager.knows = 'nothing';
  const answer = Promise.withResolvers<void>();
  frontend.manager.answered = answer.promise;
  const asking = ask(frontend);
  await frontend.manager.asked;
  const askedAtMs = performance.now();
  answer.resolve();
  await asking;
  expect(frontend.manager.requests[0]?.arrivedAtMs).toBeLessThan(askedAtMs);
});

test('a digest that is invalid in a header is left to the application, and affects no other hit', async () => {
  const frontend = await startKnowing(opened);
  frontend.manager.copy = { ...COPY, sha256: 'a\nb' };
  for (const knows of ['in_memory', 'by_entry', 'in_memory'] as const) {
    frontend.manager.knows = knows;
    expect((await ask(frontend)).status).toBe(500);
  }
  frontend.manager.copy = COPY;
  expect((await ask(frontend)).status).toBe(302);
});

test('long targets are not remembered', async () => {
  const frontend = await startKnowing(opened);
  const padded = { target: `${TARGET}?${'x'.repeat(4_000)}` };
  for (const asked of [{}, padded, {}, padded]) expect((await ask(frontend, asked)).status).toBe(302);
  expect(frontend.manager.read).toBe(3);
});

test('a copy of another generation has another URL', async () => {
  const frontend = await startKnowing(opened);
  const before = (await ask(frontend)).headers['location'];
  frontend.manager.copy = { ...COPY, generation: 'fresh' };
  const after = (await ask(frontend)).headers['location'];
  expect(before).toBe(`https://copies.s3.us-west-1.amazonaws.com/${encodeURIComponent(URL_OF_OBJECT)}`);
  expect(after).toContain('/g%2Ffresh%2F');
});

test('a URL is signed again each second', async () => {
  const frontend = await startKnowing(opened, 'signed');
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-01-01T00:00:00.000Z') });
  const location = async () => (await ask(frontend)).headers['location'] ?? '';
  const first = await location();
  expect(first).toContain('X-Amz-Date=20300101T000000Z');
  expect(await location()).toBe(first);
  expect(await location()).toBe(first);
  vi.setSystemTime(new Date('2030-01-01T00:00:01.000Z'));
  expect(await location()).toContain('X-Amz-Date=20300101T000001Z');
});

test('responses on one connection are complete and in the order of their requests', async () => {
  const frontend = await startKnowing(opened, 'public', { keepAliveSeconds: 7 });
  const request = (id: string, ...headers: string[]) =>
    [`GET ${TARGET} HTTP/1.1`, 'Host: localhost', `X-Request-Id: ${id}`, ...headers, '', ''].join('\r\n');
  const answer = Promise.withResolvers<void>();
  frontend.manager.answered = answer.promise;
  frontend.manager.knows = 'by_entry';
  const client = connect(Number(new URL(frontend.address).port), '127.0.0.1').setEncoding('latin1');
  client.write(request('read'));
  await frontend.manager.asked;
  frontend.manager.knows = 'in_memory';
  const rules = 'Cache-Control: no-cache';
  client.write(request('remembered') + request('decided', rules) + request('last', rules, CLOSE));
  await vi.waitFor(() => expect(frontend.manager.requests).toHaveLength(2), 20_000);
  answer.resolve();
  const texts = (await client.toArray()).join('').split(/(?=HTTP\/1\.1 302)/);
  const ids = texts.map((text) => /X-Request-Id: (.*)\r\n/.exec(text)?.[1]);
  expect(ids).toEqual(['read', 'remembered', 'decided', 'last']);
  const [read, remembered, decided] = texts.map((text) =>
    text
      .split('\r\n')
      .filter((line) => !/^(Date|X-Request-Id): /.test(line))
      .toSorted(),
  );
  expect(decided).toContain('Keep-Alive: timeout=7');
  expect(read).toEqual(decided);
  expect(remembered).toEqual(decided);
});

test('this version of Node supports whole messages', () => {
  expect(takesWholeMessages()).toBe(true);
});

test('the Date of a response is current', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-01-01T00:00:00.999Z') });
  const start = new MessageStart(75);
  expect(start.now()).toContain('Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n');
  vi.setSystemTime(new Date('2030-01-01T00:00:01.000Z'));
  expect(start.now()).toContain('Date: Tue, 01 Jan 2030 00:00:01 GMT\r\n');
});
