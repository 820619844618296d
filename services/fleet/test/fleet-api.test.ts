import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { instanceOf } from '@cloud-mirror/registry/contract';
import { nextEvents, readEvents, startFleet, token, type FleetUnderTest } from './fleet-under-test.ts';

const LEASE_MS = 60_000;
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function start(options: Parameters<typeof startFleet>[0] = {}): Promise<FleetUnderTest> {
  const fleet = await startFleet(options);
  opened.push(fleet);
  return fleet;
}

const text = { headers: { Accept: 'text/plain' } };
const web = (over: object = {}) => ({
  app: 'web',
  host: '10.0.0.1',
  ports: [{ name: 'http', port: 31_001, servicePort: 8080 }],
  ...over,
});
const put = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'PUT',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
});

describe('GET /v1/instances', () => {
  test('lists instances with the revision, and filters them', async () => {
    const fleet = await start();
    const one = instanceOf({ app: 'frontend', region: 'us-west-1' });
    const other = instanceOf({ app: 'copier', state: 'draining', ports: [] });
    await fleet.registry.announce(one, LEASE_MS);
    await fleet.registry.announce(other, LEASE_MS);
    const { body } = await fleet.json('/v1/instances');
    expect(body).toEqual({
      revision: fleet.registry.list().revision,
      ageMs: 0,
      instances: fleet.registry.list().instances,
    });
    for (const query of ['app=frontend', 'app=/frontend', 'region=us-west-1', 'state=running'])
      expect((await fleet.json(`/v1/instances?${query}`)).body['instances']).toEqual([one]);
    expect((await fleet.json('/v1/instances?state=running&app=copier')).body['instances']).toEqual([]);
  });

  test.each([
    ['/v1/instances?state=gone', 400, 'state_unknown'],
    ['/v1/instances?format=xml', 400, 'format_unknown'],
    ['/v1/instances/none', 404, 'instance_unknown'],
    ['/v1/nothing', 404, 'no_such_route'],
  ])('%s is answered with %i %s', async (path, status, code) => {
    const fleet = await start();
    const answer = await fleet.json(path);
    expect(answer.status).toBe(status);
    expect(answer.body['code']).toBe(code);
  });

  test('as text has one line for each app and port, without draining instances and apps without a port', async () => {
    const fleet = await start();
    const ports = [
      { name: 'http', port: 31_001, servicePort: 8080 },
      { name: 'admin', port: 31_002, servicePort: 8081 },
    ];
    const started = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;
    const announce = (over: object): Promise<void> => fleet.registry.announce(instanceOf(over), LEASE_MS);
    await announce({ app: 'frontend', host: '10.0.0.1', ports, startedAt: started(1) });
    await announce({ app: 'frontend', host: '2001:db8::1', ports, startedAt: started(2) });
    await announce({ app: 'frontend', host: '10.0.0.3', ports, state: 'draining' });
    await announce({ app: 'copier', ports: [] });
    await announce({ app: 'router', state: 'draining' });
    const lines = [
      'frontend\t8080\t10.0.0.1:31001\t[2001:db8::1]:31001',
      'frontend\t8081\t10.0.0.1:31002\t[2001:db8::1]:31002',
    ];
    expect(await (await fleet.fetch('/v1/instances', text)).text()).toBe(`${lines.join('\n')}\n`);
    expect(await (await fleet.fetch('/v2/tasks', text)).text()).toBe(`${lines.join('\t\n')}\t\n`);
    expect(await (await fleet.fetch('/v2/apps/frontend/tasks', text)).text()).toBe(
      `${lines.join('\t\n')}\t\n`,
    );
    expect(await (await fleet.fetch('/v2/apps/router/tasks', text)).text()).toBe('');
  });

  test('in the format of Prometheus has a target for each instance with metrics', async () => {
    const fleet = await start();
    await fleet.registry.announce(instanceOf({ app: 'copier', ports: [], metricsPort: 9_100 }), LEASE_MS);
    await fleet.registry.announce(instanceOf({ app: 'job', ports: [] }), LEASE_MS);
    const found = await (await fleet.fetch('/v1/instances?format=prometheus')).json();
    expect(found).toMatchObject([{ targets: ['127.0.0.1:9100'], labels: { app: 'copier', node: 'here' } }]);
    expect(found).toHaveLength(1);
  });

  test('answers for 10,000 instances', async () => {
    const fleet = await start();
    for (let n = 0; n < 10_000; n += 1)
      await fleet.registry.announce(instanceOf({ app: `app-${n % 1_000}` }), LEASE_MS);
    const { body } = await fleet.json('/v2/apps');
    expect(body['apps']).toHaveLength(1_000);
    const lines = await (await fleet.fetch('/v2/tasks', text)).text();
    expect(lines.match(/\t127\.0\.0\.1:31001/g)).toHaveLength(10_000);
  });
});

describe('other programs', () => {
  test('register, renew and leave, whatever the Content-Type', async () => {
    const fleet = await start();
    const registered = await fleet.json('/v1/instances/web-1', put(web({ leaseSeconds: 300 })));
    expect(registered.status).toBe(200);
    const { revision } = fleet.registry.list();
    expect((await fleet.json('/v1/instances/web-1', put(web({ leaseSeconds: 300 })))).status).toBe(200);
    expect(fleet.registry.list().revision).toBe(revision);
    expect((await fleet.json('/v1/instances/web-1')).body).toMatchObject({
      id: 'web-1',
      state: 'running',
      healthy: true,
      why: null,
      ports: [{ name: 'http', port: 31_001, servicePort: 8080 }],
    });
    expect((await fleet.fetch('/v1/instances/web-1', { method: 'DELETE' })).status).toBe(204);
    expect((await fleet.fetch('/v1/instances/web-1', { method: 'DELETE' })).status).toBe(204);
    expect(fleet.registry.list().instances).toEqual([]);
  });

  test('are gone when their lease ends', async () => {
    const fleet = await start();
    await fleet.json('/v1/instances/web-1', put(web({ leaseSeconds: 1 })));
    await expect.poll(() => fleet.registry.list().instances).toEqual([]);
  });

  test.each([
    ['no JSON', '{"app"', 400, /JSON/],
    ['no object', '[1]', 422, /object/],
    ['no app', { host: 'h' }, 422, /app/],
    ['an app that is no DNS label', web({ app: 'We b' }), 422, /app/],
    ['an app of 64 characters', web({ app: 'a'.repeat(64) }), 422, /app/],
    ['a host with a tab', web({ host: 'a\tb' }), 422, /host/],
    ['a host with a line break', web({ host: 'a\nb' }), 422, /host/],
    ['a port of 0', web({ ports: [{ name: 'http', port: 0 }] }), 422, /ports\.0\.port/],
    ['a port as text', web({ ports: [{ name: 'http', port: '80' }] }), 422, /ports\.0\.port/],
    ['a port without a name', web({ ports: [{ port: 80 }] }), 422, /ports\.0\.name/],
    ['an unknown state', web({ state: 'up' }), 422, /state/],
    ['a lease of 0 seconds', web({ leaseSeconds: 0 }), 422, /leaseSeconds/],
    ['a lease of 301 seconds', web({ leaseSeconds: 301 }), 422, /leaseSeconds/],
    ['a label that is a number', web({ labels: { HAPROXY_GROUP: 1 } }), 422, /labels/],
    ['another id', web({ id: 'web-2' }), 422, /id/],
    ['a start that is no time', web({ startedAt: 'yesterday' }), 422, /startedAt/],
  ])('with %s are refused', async (_, body, status, names) => {
    const fleet = await start();
    const answer = await fleet.json('/v1/instances/web-1', put(body));
    expect(answer.status).toBe(status);
    expect(answer.body['detail']).toMatch(names);
    expect(fleet.registry.list().instances).toEqual([]);
  });

  test('with a body of 65 KiB are refused', async () => {
    const fleet = await start();
    const answer = await fleet.fetch('/v1/instances/web-1', put(web({ why: 'x'.repeat(66_000) })));
    expect(answer.status).toBe(413);
  });
});

describe('who may', () => {
  const tokens = [token('scaler', ['scale']), token('web', ['register'])];
  const bearer = (name: string): Record<string, string> => ({ Authorization: `Bearer token-${name}` });

  test.each([
    ['PUT', '/v1/instances/a', null, 401],
    ['PUT', '/v1/instances/a', 'scaler', 403],
    ['PUT', '/v1/instances/a', 'web', 200],
    ['DELETE', '/v1/instances/a', 'scaler', 403],
    ['DELETE', '/v1/instances/a', 'web', 204],
    ['PUT', '/v2/apps/web', null, 401],
    ['PUT', '/v2/apps/web', 'unknown', 401],
    ['PUT', '/v2/apps/web', 'web', 403],
    ['PUT', '/v2/apps/web', 'scaler', 404],
    ['POST', '/v2/apps/web/restart', 'web', 403],
    ['GET', '/v1/instances', null, 200],
    ['GET', '/v2/apps', null, 200],
    ['GET', '/metrics', null, 200],
    ['GET', '/', null, 200],
  ])('%s %s with the token %s is answered with %i', async (method, path, name, status) => {
    const fleet = await start({ tokens });
    const headers = name === null ? {} : bearer(name);
    const body = path.startsWith('/v1') ? web() : { instances: 2 };
    const init = method === 'GET' ? { headers } : { ...put(body, headers), method };
    const answer = await fleet.fetch(path, init);
    expect(answer.status).toBe(status);
    if (path.startsWith('/v2') && status >= 400) expect(await answer.json()).toHaveProperty('message');
  });

  test('without tokens, a fleet that others reach is closed for changes', async () => {
    const fleet = await start({ host: '0.0.0.0' });
    expect((await fleet.fetch('/v1/instances/a', put(web()))).status).toBe(401);
    expect((await fleet.fetch('/v1/instances')).status).toBe(200);
  });

  test('a web page of another site may neither read nor change a fleet on loopback', async () => {
    const fleet = await start();
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' };
    expect((await fleet.fetch('/v1/instances/a', put(web(), headers))).status).toBe(403);
    expect((await fleet.fetch('/v1/instances', { headers })).status).toBe(403);
  });
});

describe('GET /v1/events', () => {
  test('tells changes with their revisions, and resumes without a gap', async () => {
    const fleet = await start();
    const one = instanceOf();
    const events = readEvents(await fleet.fetch('/v1/events'));
    await fleet.registry.announce(one, LEASE_MS);
    await fleet.registry.announce({ ...one, healthy: false, why: 'queue' }, LEASE_MS);
    await fleet.registry.leave(one.id);
    const seen = await nextEvents(events, 3);
    await events.return(undefined);
    expect(seen.map(({ event }) => event)).toEqual(['instance_up', 'instance_changed', 'instance_down']);
    expect(seen[0]?.data).toEqual(one);
    const headers = { 'Last-Event-ID': seen[0]?.id ?? '' };
    const resumed = readEvents(await fleet.fetch('/v1/events', { headers }));
    expect(await nextEvents(resumed, 2)).toEqual(seen.slice(1));
    await resumed.return(undefined);
  });

  test.each(['1', '999999999999999', 'x'])('begins with a reset after the id %s', async (id) => {
    const fleet = await start();
    const one = instanceOf();
    await fleet.registry.announce(one, LEASE_MS);
    const events = readEvents(await fleet.fetch('/v1/events', { headers: { 'Last-Event-ID': id } }));
    const [first] = await nextEvents(events, 1);
    const { revision } = fleet.registry.list();
    expect(first).toEqual({ event: 'reset', id: String(revision), data: { revision, instances: [one] } });
    await events.return(undefined);
  });

  test('sends a reset of 10,000 instances to a reader that reads', async () => {
    const fleet = await start();
    for (let n = 0; n < 10_000; n += 1) await fleet.registry.announce(instanceOf(), LEASE_MS);
    const events = readEvents(await fleet.fetch('/v1/events', { headers: { 'Last-Event-ID': '1' } }));
    const [first] = await nextEvents(events, 1);
    expect(first?.data['instances']).toHaveLength(10_000);
    await events.return(undefined);
  });

  test('disconnects a reader that reads nothing, and keeps the others', async () => {
    const fleet = await start();
    const { port } = new URL(fleet.address);
    const deaf = connect(Number(port), '127.0.0.1');
    deaf.on('error', () => undefined);
    deaf.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(deaf, 'data');
    deaf.pause();
    const reading = readEvents(await fleet.fetch('/v1/events'));
    const one = instanceOf();
    const readers = async (): Promise<string> =>
      /cloud_mirror_fleet_event_readers (\d+)/.exec(await (await fleet.fetch('/metrics')).text())?.[1] ?? '';
    expect(await readers()).toBe('2');
    let told = 0;
    for (let n = 0; (await readers()) === '2' && n < 1_000; n += 1)
      for (let m = 0; m < 20; m += 1) {
        await fleet.registry.announce({ ...one, why: `${told}${'x'.repeat(20_000)}` }, LEASE_MS);
        told += 1;
        await nextEvents(reading, 1);
      }
    expect(await readers()).toBe('1');
    await fleet.registry.leave(one.id);
    expect((await nextEvents(reading, 1))[0]?.event).toBe('instance_down');
    await reading.return(undefined);
    deaf.destroy();
  });
});

describe('the shapes of Marathon', () => {
  test('an app with its tasks', async () => {
    const fleet = await start();
    const old = instanceOf({
      app: 'frontend',
      labels: { HAPROXY_GROUP: 'old' },
      startedAt: '2026-01-01T00:00:00.000Z',
    });
    const young = instanceOf({
      app: 'frontend',
      labels: { HAPROXY_GROUP: 'new' },
      startedAt: '2026-01-02T00:00:00.000Z',
      healthy: false,
      why: 'x',
    });
    const leaving = instanceOf({ app: 'frontend', state: 'draining', startedAt: '2026-01-01T12:00:00.000Z' });
    for (const one of [old, young, leaving]) await fleet.registry.announce(one, LEASE_MS);
    const { body } = await fleet.json('/v2/apps/frontend');
    expect(body['app']).toMatchObject({
      id: '/frontend',
      instances: 2,
      labels: { HAPROXY_GROUP: 'new' },
      portDefinitions: [{ port: 9000 }],
      // marathon-lb reads these without asking whether they are there.
      healthChecks: [
        {
          protocol: 'HTTP',
          path: '/',
          portIndex: 0,
          intervalSeconds: 5,
          timeoutSeconds: 3,
          maxConsecutiveFailures: 3,
        },
      ],
      tasksHealthy: 1,
      tasks: [
        {
          appId: '/frontend',
          id: old.id,
          host: '127.0.0.1',
          ports: [31_001],
          servicePorts: [9000],
          state: 'TASK_RUNNING',
          healthCheckResults: [{ alive: true }],
        },
        { id: leaving.id, state: 'TASK_KILLING' },
        { id: young.id, state: 'TASK_RUNNING', healthCheckResults: [{ alive: false }] },
      ],
    });
    for (const path of ['/v2/apps//frontend', '/v2/apps/frontend/'])
      expect((await fleet.json(path)).body).toEqual(body);
    expect((await fleet.json('/v2/apps')).body['apps']).toEqual([body['app']]);
    expect((await fleet.json('/v2/apps/frontend/tasks')).body['tasks']).toHaveLength(3);
    expect((await fleet.json('/v2/tasks')).body['tasks']).toHaveLength(3);
  });

  test('the server', async () => {
    const fleet = await start();
    expect((await (await fleet.fetch('/ping')).text()).trim()).toBe('pong');
    expect((await fleet.json('/v2/info')).body).toMatchObject({
      elected: true,
      leader: fleet.address.slice(7),
    });
    expect((await fleet.fetch('/v2/deployments')).status).toBe(200);
  });

  test.each([
    ['PUT', '/v2/apps/none', '{"instances":2}', 404, /^App '\/none' does not exist$/],
    ['GET', '/v2/apps/none', null, 404, /^App '\/none' does not exist$/],
    ['GET', '/v2/apps/none/tasks', null, 404, /does not exist/],
    ['POST', '/v2/apps/none/restart', null, 404, /does not exist/],
    ['PUT', '/v2/apps/router', '{"instances":2}', 409, /driver is none/],
    ['POST', '/v2/apps/router/restart', null, 409, /driver is none/],
    ['PUT', '/v2/apps/router', '{"instances":2,"cpus":1}', 422, /"cpus".*fleet\.driver/],
    ['PUT', '/v2/apps/router', '{"instances":"2"}', 422, /whole number/],
    ['PUT', '/v2/apps/router', '{"instances":-1}', 422, /whole number/],
    ['PUT', '/v2/apps/router', '{"instances":1.5}', 422, /whole number/],
    ['PUT', '/v2/apps/router', '{}', 422, /whole number/],
    ['PUT', '/v2/apps/router', '[]', 422, /object/],
    ['PUT', '/v2/apps/router', '{"instances":', 400, /JSON/],
    ['POST', '/v2/apps', '{"id":"/x"}', 405, /fleet\.driver/],
    ['DELETE', '/v2/apps/router', null, 405, /fleet\.driver/],
    ['PATCH', '/v2/apps/router', '{}', 405, /fleet\.driver/],
    ['GET', '/v2/nothing', null, 404, /nothing here/],
    ['GET', '/v2/events', null, 405, /text\/event-stream/],
  ])('%s %s with %s is answered with %s and a message', async (method, path, body, status, message) => {
    const fleet = await start();
    await fleet.registry.announce(instanceOf(), LEASE_MS);
    const answer = await fleet.json(path, { method, body });
    expect(answer.status).toBe(status);
    expect(answer.body['message']).toMatch(message);
  });

  test('events of the same changes', async () => {
    const fleet = await start();
    const headers = { Accept: 'text/event-stream' };
    const events = readEvents(await fleet.fetch('/v2/events', { headers }));
    const one = instanceOf();
    await fleet.registry.announce(one, LEASE_MS);
    await fleet.registry.announce({ ...one, healthy: false, why: 'queue' }, LEASE_MS);
    await fleet.registry.announce({ ...one, healthy: false, why: 'queue', state: 'draining' }, LEASE_MS);
    await fleet.registry.leave(one.id);
    const seen = await nextEvents(events, 6);
    expect(
      seen.map(({ event, data }) => [
        event,
        data['eventType'] === event,
        data['taskStatus'] ?? data['alive'],
      ]),
    ).toEqual([
      ['event_stream_attached', true, undefined],
      ['status_update_event', true, 'TASK_RUNNING'],
      ['health_status_changed_event', true, true],
      ['health_status_changed_event', true, false],
      ['status_update_event', true, 'TASK_KILLING'],
      ['status_update_event', true, 'TASK_KILLED'],
    ]);
    await events.return(undefined);
  });
});
