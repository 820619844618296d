import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResolvedAddress, Resolver } from '@cloud-mirror/origin';
import { ConnectionAttempts } from '@cloud-mirror/testing/connection-attempts';
import { fetchOnWire, fetchThrough, type WireAnswer } from '@cloud-mirror/testing/fetch';
import { BACKEND, openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';
import { startChainOrigin, type ChainAnswer, type ChainOrigin } from './chain-origin.ts';

/*
 * An allowed origin that becomes hostile. Its names resolve to 127.0.0.1, which their rules allow. Every other address of
 * this machine and its network is refused.
 */

const NAMES = ['artifacts.test', 'cdn.test', 'cdn2.test'];

/** The successive DNS answers for a name; the last one repeats. */
const turns = new Map<string, (readonly string[])[]>();
const asked: string[] = [];

const resolver: Resolver = async (host) => {
  asked.push(host);
  const left = turns.get(host);
  const answer = (left && left.length > 1 ? left.shift() : left?.[0]) ?? ['127.0.0.1'];
  return answer.map((address): ResolvedAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
};

let origin: ChainOrigin;
let mirror: MirrorInProcess;
let attempts: ConnectionAttempts;

beforeEach(async () => {
  turns.clear();
  asked.length = 0;
  attempts = new ConnectionAttempts();
  origin = await startChainOrigin();
  const rule = { tls: 'optional', privateAddresses: true };
  mirror = await openMirrorInProcess({
    allow: [
      ...NAMES.map((name) => ({ prefix: `http://${name}:${origin.port}/`, ...rule })),
      // A rule names it, but without `privateAddresses`.
      { prefix: `http://public.test:${origin.port}/`, tls: 'optional' },
      { prefix: `https://artifacts.test:${origin.port}/`, privateAddresses: true },
    ],
    origin: { resolver },
    overrides: { sources: { redirectLimit: 4 } },
  });
});

afterEach(async () => {
  attempts[Symbol.dispose]();
  await mirror[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

function ask(url: string, method: 'GET' | 'HEAD' = 'GET'): Promise<WireAnswer> {
  return fetchOnWire(mirror.url(`/v1/redirect/${BACKEND}/${Buffer.from(url).toString('base64url')}`), {
    method,
  });
}

async function expectRefused(answer: WireAnswer, status: number, code: string): Promise<void> {
  expect({ status: answer.status, code: answer.json()['code'] }, answer.text).toEqual({ status, code });
  expect(answer.headers['location']).toBeUndefined();
  expect(attempts.elsewhereThan(mirror.port, origin.port)).toEqual([]);
  expect(await mirror.storedFiles()).toEqual([]);
}

/** A redirect to the origin, because its answer cannot be copied: nothing was fetched from another host or stored. */
async function expectLeftToOrigin(answer: WireAnswer, url: string, detail: string): Promise<void> {
  expect(answer.status, answer.text).toBe(302);
  expect(answer.headers['location']).toBe(url);
  expect(answer.headers['cache-status']).toContain(`detail=${detail}`);
  expect(attempts.elsewhereThan(mirror.port, origin.port)).toEqual([]);
  expect(await mirror.storedFiles()).toEqual([]);
}

async function expectAnswer(answer: WireAnswer, url: string, expected: Chain['answer']): Promise<void> {
  if (expected === UNCOPIED) await expectLeftToOrigin(answer, url, UNCOPIED);
  else await expectRefused(answer, ...expected);
}

interface Chain {
  readonly why: string;
  /** The targets of `/a`, `/b` and so on; P stands for the origin's port. */
  readonly to: readonly string[];
  readonly status?: number;
  readonly answer: readonly [status: number, code: string] | typeof UNCOPIED;
  /** No GET confirms a HEAD with this result. */
  readonly confirmed?: false;
  /** The number of requests of one method that the origin may get. */
  readonly requests: number;
}

const FORBIDDEN = [403, 'not_allowed'] as const;
const NOWHERE = [502, 'origin_redirects'] as const;
const UNCOPIED = 'not_copyable';

const CHAINS: readonly Chain[] = [
  {
    why: 'to the metadata address',
    to: ['http://169.254.169.254/latest/meta-data/'],
    answer: FORBIDDEN,
    requests: 1,
  },
  {
    why: 'to loopback, keeping the method',
    to: ['http://[::1]:6379/'],
    status: 307,
    answer: FORBIDDEN,
    requests: 1,
  },
  { why: 'to loopback for good', to: ['http://127.0.0.1:P/'], status: 301, answer: FORBIDDEN, requests: 1 },
  {
    why: 'to loopback for good, keeping the method',
    to: ['http://127.1:P/'],
    status: 308,
    answer: FORBIDDEN,
    requests: 1,
  },
  {
    why: 'to a private network by 303',
    to: ['http://192.168.1.1/'],
    status: 303,
    answer: FORBIDDEN,
    requests: 1,
  },
  { why: 'to a mapped loopback', to: ['http://[::ffff:127.0.0.1]:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'to the unspecified address', to: ['http://0.0.0.0:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'by a slash and a backslash', to: ['/\\127.0.0.1:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'by two slashes', to: ['//127.0.0.1:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'by a tab within', to: ['http://127.0\t.0.1:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'by fullwidth digits', to: ['http://１２７.0.0.1:P/'], answer: FORBIDDEN, requests: 1 },
  { why: 'to another scheme', to: ['gopher://127.0.0.1:6379/_x'], answer: FORBIDDEN, requests: 1 },
  { why: 'to no host', to: ['mailto:x@artifacts.test'], answer: FORBIDDEN, requests: 1 },
  { why: 'to a file', to: ['file:///etc/passwd'], answer: FORBIDDEN, requests: 1 },
  { why: 'to another port', to: ['http://artifacts.test:6379/'], answer: FORBIDDEN, requests: 1 },
  { why: 'to credentials', to: ['http://user:password@artifacts.test:P/b'], answer: FORBIDDEN, requests: 1 },
  {
    why: 'to another host before an @',
    to: ['http://artifacts.test:P@169.254.169.254/'],
    answer: FORBIDDEN,
    requests: 1,
  },
  { why: 'to a host that no rule allows', to: ['http://evil.test:P/'], answer: FORBIDDEN, requests: 1 },
  {
    why: 'to a name that leads to loopback, allowed but not opened',
    to: ['http://public.test:P/'],
    answer: FORBIDDEN,
    confirmed: false,
    requests: 1,
  },
  {
    why: 'to the mirror itself',
    to: ['https://mirror.example/v1/redirect/local/here/x'],
    answer: FORBIDDEN,
    requests: 1,
  },
  {
    why: 'to loopback on the third hop',
    to: ['http://cdn.test:P/b', 'http://cdn2.test:P/c', 'http://127.0.0.1:P/d'],
    answer: FORBIDDEN,
    requests: 3,
  },
  {
    why: 'from one host to the other and back',
    to: ['http://cdn.test:P/b', 'http://artifacts.test:P/a'],
    answer: NOWHERE,
    requests: 2,
  },
  { why: 'to itself', to: ['/a'], answer: NOWHERE, requests: 1 },
  { why: 'to itself by a fragment', to: ['#there'], answer: NOWHERE, requests: 1 },
  {
    why: 'to itself by a dot at the end of the host',
    to: ['http://artifacts.test.:P/a'],
    answer: NOWHERE,
    requests: 1,
  },
  { why: 'too often', to: ['/b', '/c', '/d', '/e', '/f', '/g'], answer: NOWHERE, requests: 5 },
  { why: 'to nothing', to: [''], answer: NOWHERE, requests: 1 },
  { why: 'to what is no URL', to: ['http://[::1'], answer: NOWHERE, requests: 1 },
  { why: 'to a host that is no name', to: ['http://a..b/'], answer: NOWHERE, requests: 1 },
  { why: 'far beyond any address', to: [`/${'x'.repeat(9000)}`], answer: NOWHERE, requests: 1 },
  {
    why: 'by a list of choices',
    to: ['http://127.0.0.1:P/'],
    status: 300,
    answer: UNCOPIED,
    requests: 1,
  },
  {
    why: 'by naming a proxy',
    to: ['http://127.0.0.1:P/'],
    status: 305,
    answer: UNCOPIED,
    requests: 1,
  },
  {
    why: 'by a status that nobody knows',
    to: ['http://127.0.0.1:P/'],
    status: 399,
    answer: UNCOPIED,
    requests: 1,
  },
];

function chainAnswer(chain: Chain, path: string): ChainAnswer {
  const target = chain.to[path.charCodeAt(1) - 'a'.charCodeAt(0)];
  if (target === undefined) return { status: 200, body: 'reached' };
  return { status: chain.status ?? 302, location: target.replaceAll('P', String(origin.port)) };
}

describe('an origin that redirects', () => {
  test.each(CHAINS)('$why: the front end', async (chain) => {
    origin.answer = ({ path }) => chainAnswer(chain, path);
    const url = `http://artifacts.test:${origin.port}/a`;
    await expectAnswer(await ask(url), url, chain.answer);
    // A GET confirms a failed HEAD, and must follow no more redirects than the HEAD.
    expect(origin.requests.map(({ method }) => method)).toEqual([
      ...Array<string>(chain.requests).fill('HEAD'),
      ...Array<string>(chain.confirmed === false ? 0 : chain.requests).fill('GET'),
    ]);
    expect(origin.requests.map(({ host }) => host.split(':')[0])).not.toContain('127.0.0.1');
  });

  test.each(CHAINS)('$why, but only for a GET: the copier', async (chain) => {
    origin.answer = ({ method, path }) =>
      method === 'HEAD' ? { status: 200, body: 'reached' } : chainAnswer(chain, path);
    const url = `http://artifacts.test:${origin.port}/a`;
    await expectAnswer(await ask(url), url, chain.answer);
    expect(origin.requests.filter(({ method }) => method === 'GET')).toHaveLength(chain.requests);
  });

  test('by a header that smuggles in another one is not followed further', async () => {
    const target = `http://artifacts.test:${origin.port}/a`;
    origin.answer = () => ({
      raw: `HTTP/1.1 302 Found\r\nLocation: ${target}\r\nSet-Cookie: x=1\r\nContent-Length: 0\r\n\r\n`,
    });
    const answer = await ask(target);
    await expectLeftToOrigin(answer, target, 'cookie_required');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test.each(['\n', '\r', '\0'])('by a header that contains %j is not followed', async (character) => {
    origin.answer = () => ({
      raw: `HTTP/1.1 302 Found\r\nLocation: /b${character}Set-Cookie: x=1\r\nContent-Length: 0\r\n\r\n`,
    });
    const answer = await ask(`http://artifacts.test:${origin.port}/a`);
    // For lenient parsers a bare line feed ends the header. The result is a redirect to /b, which redirects to itself.
    expect([302, 502]).toContain(answer.status);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(attempts.elsewhereThan(mirror.port, origin.port)).toEqual([]);
    expect(await mirror.storedFiles()).toEqual([]);
  });

  test('by two different headers is not followed', async () => {
    origin.answer = () => ({
      raw: `HTTP/1.1 302 Found\r\nLocation: http://cdn.test:${origin.port}/b\r\nLocation: http://127.0.0.1:${origin.port}/\r\nContent-Length: 0\r\n\r\n`,
    });
    await expectRefused(await ask(`http://artifacts.test:${origin.port}/a`), ...NOWHERE);
    expect(origin.requests.map(({ path }) => path)).toEqual(['/a', '/a']);
  });

  test('by its page is not followed: the page is the object', async () => {
    const page = `<meta http-equiv="refresh" content="0;url=http://127.0.0.1:${origin.port}/secret">`;
    origin.answer = () => ({ status: 200, body: page });
    const path = `/v1/redirect/${BACKEND}/${Buffer.from(`http://artifacts.test:${origin.port}/a`).toString('base64url')}`;
    const { location } = await fetchThrough(mirror.url(path)).catch(() => ({ location: '' }));
    expect(location).toMatch(/^(?:https:\/\/mirror\.example\/v1\/objects\/|$)/);
    expect(origin.requests.map(({ path: asked }) => asked)).not.toContain('/secret');
  });
});

describe('a name that changes its address', () => {
  const url = () => `http://artifacts.test:${origin.port}/a`;
  const BAD = [
    ['the metadata address', ['169.254.169.254']],
    ['the unspecified address', ['0.0.0.0']],
    ['a link-local address', ['fe80::1%lo']],
    ['a good and a bad one', ['127.0.0.1', '169.254.169.254']],
    ['a bad one behind many good ones', [...Array<string>(20).fill('127.0.0.1'), '::ffff:127.0.0.1']],
  ] as const;

  test.each(BAD)('between front end and copier, to %s: nothing is fetched', async (_, bad) => {
    turns.set('artifacts.test', [['127.0.0.1'], bad]);
    origin.answer = () => ({ status: 200, body: 'content' });
    await expectRefused(await ask(url()), ...FORBIDDEN);
    expect(origin.requests.map(({ method }) => method)).toEqual(['HEAD']);
    expect(asked).toEqual(['artifacts.test', 'artifacts.test']);
  });

  test('between two hops: nothing is fetched', async () => {
    turns.set('artifacts.test', [['127.0.0.1'], ['169.254.169.254']]);
    origin.answer = ({ path }) => (path === '/a' ? { status: 302, location: '/b' } : { status: 200 });
    await expectRefused(await ask(url()), ...FORBIDDEN);
    expect(origin.requests).toHaveLength(1);
  });

  test('when the connection broke in the middle of the body: nothing is stored', async () => {
    turns.set('artifacts.test', [['127.0.0.1'], ['127.0.0.1'], ['169.254.169.254']]);
    origin.answer = () => ({ status: 200, body: 'x'.repeat(1000), cutAfter: 500 });
    await expectRefused(await ask(url()), ...FORBIDDEN);
    expect(origin.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  test('with each answer is refused whenever the answer is bad', async () => {
    turns.set('artifacts.test', [['169.254.169.254'], ['127.0.0.1']]);
    origin.answer = () => ({ status: 200, body: 'content' });
    await expectRefused(await ask(url()), ...FORBIDDEN);
    expect(origin.requests).toHaveLength(0);
  });

  test.each([
    ['has none', [[]] as const],
    ['has none that is one', [['localhost']] as const],
  ])('that %s gets no connection', async (_, answers) => {
    turns.set('artifacts.test', [...answers]);
    const answer = await ask(url());
    expect([302, 403]).toContain(answer.status);
    expect(attempts.elsewhereThan(mirror.port)).toEqual([]);
    expect(await mirror.storedFiles()).toEqual([]);
  });
});

test('an allowed host that does not speak TLS gets no plain-text request', async () => {
  origin.answer = () => ({ status: 200, body: 'content' });
  const answer = await ask(`https://artifacts.test:${origin.port}/a`);
  expect(answer.headers['cache-status']).toContain('detail=origin_unreachable');
  expect(origin.requests).toHaveLength(0);
  expect(await mirror.storedFiles()).toEqual([]);
});

test('encoded characters of a path stay encoded in the request to the origin', async () => {
  origin.answer = () => ({ status: 404 });
  const paths = [
    '/%0d%0aHost:%20127.0.0.1',
    '/?q=1%0d%0a%0d%0aGET%20/admin',
    '/čĊ',
    '/a%00b',
    '/%252e%252e/',
    '/.;/admin',
    '/\'"<>`{}|^',
  ];
  for (const path of paths) await ask(`http://artifacts.test:${origin.port}${path}`);
  expect(origin.requests).toHaveLength(2 * paths.length);
  for (const { head, path, host } of origin.requests) {
    expect(path).toMatch(/^[\x21-\x7e]+$/);
    expect(host).toBe(`artifacts.test:${origin.port}`);
    expect(head.match(/^\S+ \S+ HTTP\/1\.1\r\n/gm)).toHaveLength(1);
    expect(head.match(/^host:/gim)).toHaveLength(1);
  }
});

test('a job whose URL is not in normal form is a dead letter, and the origin gets no request', async () => {
  const queue = mirror.adapters.backends.get(BACKEND)?.queue;
  const base = `http://artifacts.test:${origin.port}`;
  const urls = [
    `${base}/a b`,
    `${base}/\tx`,
    `${base}/x#y`,
    `http://artifacts.test.:${origin.port}/x`,
    `${base}/a/../x`,
  ];
  for (const url of urls)
    await queue?.enqueue({
      v: 1,
      service: 'local',
      region: 'here',
      url,
      token: 'stranger',
      generation: '',
      requestId: 'r',
      enqueuedAt: '',
    });
  while ((await queue?.depth())?.deadLetters !== urls.length) await new Promise(setImmediate);
  expect(origin.requests).toHaveLength(0);
});
