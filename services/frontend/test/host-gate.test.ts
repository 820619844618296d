import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  base64url,
  bearer,
  json,
  ORIGIN_URL,
  redirectPath,
  startFrontend,
  TOKENS,
} from './support/frontend-under-test.ts';
import { rawRequest } from './support/raw-request.ts';
import { ask, startKnowing, TARGET } from './support/knowing-frontend.ts';

const SERVER = {
  publicUrl: 'https://Mirror.Example:8443/m',
  hosts: ['frontend', 'mirror.internal', '10.1.2.3', '2001:DB8::1'],
};
const PATH = redirectPath(ORIGIN_URL);

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

const start = async (server: Parameters<typeof startFrontend>[0] = { server: SERVER }) =>
  opened.use(await startFrontend(server));

function send(address: string, target: string, headers: readonly string[], version = '1.1', method = 'GET') {
  const lines = [...headers, 'Connection: close'].map((line) => `${line}\r\n`).join('');
  return rawRequest(address, `${method} ${target} HTTP/${version}\r\n${lines}\r\n`);
}

const codeOf = ({ body }: { readonly body: string }) => (JSON.parse(body) as { code?: unknown }).code;

describe('the host of a request', () => {
  test.each([
    'mirror.example',
    'MIRROR.example:8443',
    'mirror.example:1',
    'mirror.example.',
    'mirror.example:',
    'frontend',
    'Frontend:8080',
    'mirror.internal',
    '10.1.2.3:80',
    '[2001:db8::1]',
    '[2001:db8:0:0:0:0:0:1]:8080',
    'localhost',
    'LOCALHOST:3000',
    'localhost.',
    '127.0.0.1',
    '127.255.0.9:8080',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]:8080',
    '[::ffff:7f00:1]',
  ])('may be %s', async (host) => {
    const { address } = await start();
    for (const path of [PATH, '/v1/backends', '/livez', '/'])
      expect((await send(address, path, [`Host: ${host}`])).status).toBeLessThan(400);
  });

  test.each([
    'evil.example',
    'mirror.example.evil.example',
    'evil-mirror.example',
    'xmirror.example',
    'a.mirror.example',
    'mirror',
    'localhost.evil.example',
    'evil.localhost',
    '127.0.0.1.evil.example',
    '10.1.2.4',
    '128.0.0.1',
    '0.0.0.0',
    '[::]',
    '[::2]',
    '[2001:db8::2]',
    '169.254.169.254',
    'xn--mirror-example',
  ])('%s is answered with 421, but by probes', async (host) => {
    const { address, cacheManager } = await start();
    for (const path of [PATH, '/v1/backends', '/v1/ping', '/', '/none', `${PATH}?wait=0`]) {
      const answer = await send(address, path, [`Host: ${host}`]);
      expect([answer.status, codeOf(answer)]).toEqual([421, 'host_unknown']);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
    expect((await send(address, '/v1/cache', [`Host: ${host}`], '1.1', 'DELETE')).status).toBe(421);
    for (const path of ['/livez', '/readyz', '/metrics?x'])
      expect((await send(address, path, [`Host: ${host}`])).status).toBe(200);
    expect(cacheManager.requests).toEqual([]);
  });

  test.each([
    ['two', ['Host: localhost', 'Host: localhost']],
    ['two, of which one is foreign', ['Host: localhost', 'Host: evil.example']],
    ['two, apart', ['Host: localhost', 'Accept: a', 'hOsT: localhost']],
    ['two, of which one is empty', ['Host:', 'Host: localhost']],
    ['a list', ['Host: localhost, localhost']],
    ['an empty one', ['Host: ']],
    ['a user', ['Host: user@localhost']],
    ['a path', ['Host: localhost/']],
    ['a query', ['Host: localhost?']],
    ['a scheme', ['Host: http://localhost']],
    ['a percent-encoded name', ['Host: %6cocalhost']],
    ['a port that is none', ['Host: localhost:x']],
    ['a port of six digits', ['Host: localhost:123456']],
    ['a broken IPv6 address', ['Host: [::1']],
    ['an IPv6 address without brackets', ['Host: ::1']],
    ['an IPv4 address that is none', ['Host: 127.0.0.999']],
    ['a letter beyond ASCII', ['Host: loc\u00e4lhost']],
    ['a zone', ['Host: [fe80::1%25eth0]']],
    ['none', []],
  ])('that is %s is answered with 400 on every path', async (_, headers) => {
    const { address } = await start();
    for (const path of [PATH, '/livez', '/metrics', 'http://localhost/livez'])
      expect((await send(address, path, headers)).status).toBe(400);
  });

  test('may be missing in HTTP/1.0', async () => {
    const { address } = await start();
    expect((await send(address, PATH, [], '1.0')).status).toBe(302);
    expect((await send(address, PATH, ['Host: evil.example'], '1.0')).status).toBe(421);
  });

  test.each([
    ['http://localhost', 'localhost', 302],
    ['https://mirror.example:8443', 'evil.example', 302],
    ['HTTP://Frontend', 'localhost', 302],
    ['http://evil.example', 'localhost', 421],
    ['http://localhost:80@evil.example', 'localhost', 400],
    ['http://user@localhost', 'localhost', 400],
    ['http://', 'localhost', 400],
    ['http://localhost,evil.example', 'localhost', 400],
  ])('of the target %s wins over the header %s: %d', async (base, host, status) => {
    const { address } = await start();
    expect((await send(address, base + PATH, [`Host: ${host}`])).status).toBe(status);
  });
});

describe('a remembered hit', () => {
  test('is not answered for a foreign host, page or target', async () => {
    const frontend = await startKnowing(opened, 'public', { hosts: ['frontend'] });
    frontend.manager.knows = 'in_memory';
    for (const host of ['localhost', 'frontend:8080', 'localhost'])
      expect((await ask(frontend, { headers: [`Host: ${host}`] })).status).toBe(302);
    const ours = 'Host: localhost';
    const refused: [headers: string[], status: number, target?: string][] = [
      [['Host: evil.example'], 421],
      [[ours, ours], 400],
      [[ours, 'Sec-Fetch-Site: cross-site'], 403],
      [[ours, 'Origin: https://evil.example'], 403],
      [[ours, 'Origin: null'], 403],
      [[ours], 421, `http://evil.example${TARGET}`],
    ];
    for (const [headers, status, target = TARGET] of [...refused, ...refused])
      expect((await ask(frontend, { headers, target })).status).toBe(status);
    expect((await ask(frontend, { headers: [ours] })).status).toBe(302);
  });

  test('is answered however many spellings of an allowed host were seen', async () => {
    const frontend = await startKnowing(opened, 'public');
    frontend.manager.knows = 'in_memory';
    for (let port = 1; port <= 200; port += 1)
      expect((await ask(frontend, { headers: [`Host: localhost:${port}`] })).status).toBe(302);
  });
});

describe('a page of another site', () => {
  const cross = { 'Sec-Fetch-Site': 'cross-site' };

  test('reaches nothing on loopback', async () => {
    const frontend = await start();
    for (const path of [PATH, '/metrics', '/livez', '/v1/backends', '/']) {
      const answer = await frontend.fetch(path, { headers: cross });
      expect(answer.status).toBe(403);
      expect(await json(answer)).toMatchObject({ code: 'cross_site' });
    }
  });

  test.each([
    ['Host: localhost', 'Sec-Fetch-Site: Cross-Site'],
    ['Host: localhost', 'Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site'],
    ['Host: [::ffff:127.0.0.1]:8080', 'Sec-Fetch-Site: cross-site'],
    ['Host: evil.example', 'Sec-Fetch-Site: cross-site'],
    ['Host: evil.example', 'Origin: https://docs.example'],
  ])('is told in other spellings, and under its own name: %s, %s %s', async (...headers) => {
    const { address } = await start();
    for (const path of ['/metrics', '/livez', '/readyz'])
      expect((await send(address, path, headers)).status).toBe(403);
  });

  test('is told without a host', async () => {
    const { address } = await start();
    for (const header of ['Sec-Fetch-Site: cross-site', 'Origin: https://docs.example'])
      expect((await send(address, PATH, [header], '1.0')).status).toBe(403);
  });

  test.each(['same-origin', 'same-site', 'none'])('is not told by Sec-Fetch-Site: %s', async (site) => {
    const frontend = await start();
    expect((await frontend.fetch(PATH, { headers: { 'Sec-Fetch-Site': site } })).status).toBe(302);
  });

  test('may link to a public mirror', async () => {
    const { address } = await start();
    const headers = ['Host: mirror.example', 'Sec-Fetch-Site: cross-site', 'Origin: https://docs.example'];
    expect((await send(address, PATH, headers)).status).toBe(302);
  });

  const change = async (address: string, headers: readonly string[]) =>
    send(
      address,
      `/v1/purge/s3/us-west-1/${base64url(ORIGIN_URL)}`,
      [...headers, `Authorization: Bearer ${TOKENS.all}`],
      '1.1',
      'DELETE',
    );

  test.each([
    ['mirror.example', 'https://evil.example', 403],
    ['mirror.example', 'null', 403],
    ['mirror.example', 'https://mirror.example.evil.example', 403],
    ['mirror.example', 'https://mirror.example:8443', 204],
    ['mirror.example', 'https://mirror.example', 204],
    ['frontend:8080', 'https://mirror.internal', 204],
    ['frontend:8080', 'file://frontend:8080', 403],
    ['localhost:8080', 'http://localhost:8080', 204],
    ['localhost:8080', 'http://localhost:3000', 403],
    ['localhost:80', 'http://localhost', 204],
    ['localhost', 'http://127.0.0.1', 403],
    ['[::1]:8080', 'http://[::1]:8080', 204],
    ['[::ffff:127.0.0.1]:8080', 'http://[::ffff:127.0.0.1]:8080', 204],
    ['[::ffff:127.0.0.1]:8080', 'http://[::ffff:127.0.0.1]:1', 403],
    ['localhost', 'http://localhost, http://localhost', 403],
    ['localhost', '', 403],
  ])('changes nothing: host %s, Origin %s: %d', async (host, origin, status) => {
    const { address, cacheManager } = await start();
    const answer = await change(address, [`Host: ${host}`, `Origin: ${origin}`]);
    expect(answer.status).toBe(status);
    if (status === 403) expect(codeOf(answer)).toBe('foreign_origin');
    expect(cacheManager.purges).toHaveLength(status === 204 ? 1 : 0);
  });
});

test('everything but redirects says that it is not for pages of other sites', async () => {
  const frontend = await start();
  for (const path of [
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/v1/backends',
    '/v1/openapi.json',
    '/none',
    '/v1/ping',
  ])
    expect((await frontend.fetch(path)).headers.get('cross-origin-resource-policy')).toBe('same-origin');
  const status = await frontend.fetch(`/v1/status/s3/us-west-1/${base64url(ORIGIN_URL)}`, bearer(TOKENS.all));
  expect(status.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  expect((await frontend.fetch(PATH)).headers.get('cross-origin-resource-policy')).toBeNull();
});

test('of two tokens in a request none is taken', async () => {
  const { address } = await start();
  const token = `Authorization: Bearer ${TOKENS.all}`;
  const answer = await send(address, '/v1/cache', ['Host: localhost', token, token], '1.1', 'DELETE');
  expect(answer.status).toBe(401);
});
