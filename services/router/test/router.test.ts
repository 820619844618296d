import { openRoutedStores } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { request as httpRequest } from 'node:http';
import { parseSignedObjectTarget, ObjectSigner } from '@cloud-mirror/routed-objects';
import { S3KindServer } from '@cloud-mirror/testing/s3-kinds/s3-kind-server';
import { S3_KINDS } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bucketTarget,
  exchange,
  route,
  SIGNING_KEY,
  startRouter,
  STORE,
  temporaryFolder,
  token,
  type RouterUnderTest,
} from './router-under-test.ts';

async function code(response: Response): Promise<string> {
  const { code: word } = (await response.json()) as { code: string };
  return `${response.status} ${word}`;
}

function bearer(name: string): RequestInit {
  return { headers: { Authorization: `Bearer token-${name}` } };
}

describe('redirects to a folder', () => {
  let router: RouterUnderTest;
  beforeAll(async () => {
    router = await startRouter({
      routes: [route('/'), route('/deep/er', { prefix: 'p/', signedSeconds: 60 })],
    });
  });
  afterAll(() => router[Symbol.asyncDispose]());

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'POST'])('%s is a signed 307 without a body', async (method) => {
    const response = await router.fetch('/xyz', { method });
    expect(response.status).toBe(307);
    expect(response.headers.get('cache-control')).toBe('private, max-age=9');
    expect(response.headers.get('content-length')).toBe('0');
    expect(response.headers.get('x-request-id')).toMatch(/./);
    expect(await response.text()).toBe('');
    const { origin, pathname, search } = new URL(response.headers.get('location') ?? '');
    expect(origin).toBe('http://mirror.example');
    const target = parseSignedObjectTarget(pathname, search.slice(1));
    expect(target).toMatchObject({ store: STORE, key: 'xyz' });
    if (target === null) return;
    const signer = new ObjectSigner(SIGNING_KEY);
    expect(signer.verify(method, target, {}, new Date())).toBe('valid');
    const other = method === 'GET' ? 'PUT' : 'GET';
    expect(signer.verify(other, target, {}, new Date())).toBe('mismatch');
  });

  test('the deepest prefix wins, with its own life and prefix', async () => {
    const response = await router.fetch('/deep/er/x');
    expect(response.headers.get('cache-control')).toBe('private, max-age=59');
    expect(response.headers.get('location')).toContain(`/v1/objects/${STORE}/p/x?`);
  });

  test('logs the route, and neither key nor signature', async () => {
    await router.fetch('/very-private-key?response-content-type=text/very-private');
    await expect.poll(() => JSON.stringify(router.lines)).toContain('"outcome":"signed"');
    const text = JSON.stringify(router.lines);
    expect(text).toContain('"prefix":"/"');
    expect(text).not.toMatch(/very-private|signature=/);
  });

  test('refusals are problem+json with a request id', async () => {
    const response = await router.fetch('/x?acl', { headers: { 'X-Request-Id': 'mine' } });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 400,
      code: 'parameter_refused',
      requestId: 'mine',
    });
  });

  test('the path / is the administration', async () => {
    expect(await (await router.fetch('/')).text()).toBe('administration');
    expect((await router.fetch('//')).status).toBe(307);
  });
});

describe('hosts', () => {
  let router: RouterUnderTest;
  beforeAll(async () => {
    router = await startRouter({ settings: { publicUrl: 'https://public.example/' } });
  });
  afterAll(() => router[Symbol.asyncDispose]());

  test.each([
    ['localhost', 307],
    ['LOCALHOST:1', 307],
    ['localhost.', 307],
    ['127.0.0.1:9000', 307],
    ['[::ffff:127.0.0.1]', 307],
    ['[::1]:9000', 307],
    ['routes.example', 307],
    ['public.example:443', 307],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['10.1.2.3', 403],
    ['', 403],
    ['a b', 403],
    ['localhost, evil.example', 403],
  ])('Host: %s is %i', async (host, status) => {
    for (const path of ['/', '/x']) {
      const sent = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const { text } = await exchange(router.address, sent);
      expect(text.split(' ')[1]).toBe(String(path === '/' && status === 307 ? 200 : status));
    }
  });

  test('the host of a target in absolute form counts too', async () => {
    const sent = 'GET http://evil.example/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    expect((await exchange(router.address, sent)).text).toContain('403 Forbidden');
  });

  test.each([
    [{ Origin: 'https://evil.example' }, '403 foreign_origin'],
    [{ Origin: 'http://localhost:1' }, '403 foreign_origin'],
    [{ Origin: 'null' }, '403 foreign_origin'],
    [{ 'Sec-Fetch-Site': 'cross-site' }, '403 cross_site'],
    [{ Origin: 'https://public.example', 'Sec-Fetch-Site': 'same-origin' }, 307],
  ])('writes of objects from a page with %j are %s, reads are not refused', async (headers, expected) => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await router.fetch('/x', { method, headers });
      expect(answer.status === 307 ? 307 : await code(answer)).toBe(expected);
    }
    expect((await router.fetch('/x', { headers })).status).toBe(307);
  });

  test('a request of HTTP/1.1 without Host is 400', async () => {
    const { text } = await exchange(router.address, 'GET /x HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(text).toContain('400 Bad Request');
  });
});

describe('without routes', () => {
  test('objects are 503', async () => {
    await using router = await startRouter({ routes: [] });
    expect(await code(await router.fetch('/x'))).toBe('503 no_routes');
    expect((await router.fetch('/')).status).toBe(200);
  });

  test('a path below no route is 403', async () => {
    await using router = await startRouter({ routes: [route('/a')] });
    expect(await code(await router.fetch('/b/x'))).toBe('403 no_route');
  });

  test('the order of faults is 400, 401, 403, 503', async () => {
    await using router = await startRouter({
      routes: [],
      settings: { readers: 'token', writers: 'token' },
      tokens: [token('nobody', ['purge'])],
    });
    expect(await code(await router.fetch('/x?acl'))).toBe('400 parameter_refused');
    expect(await code(await router.fetch('/x'))).toBe('401 token_missing');
    expect(await code(await router.fetch('/x', bearer('nobody')))).toBe('403 insufficient_scope');
  });

  test('a route that cannot be used is 503 with its name, and the others work', async () => {
    await using router = await startRouter({
      routes: [
        route('/good'),
        route('/sealed', { target: { kind: 'unusable', fault: 'sealed with another key' } }),
        route('/gone', { target: { kind: 'store', store: 'no/where' } }),
      ],
    });
    const response = await router.fetch('/sealed/x');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: 'route_unusable',
      detail: expect.stringContaining('/sealed') as string,
    });
    expect(await code(await router.fetch('/gone/x'))).toBe('503 route_unusable');
    expect((await router.fetch('/good/x')).status).toBe(307);
  });
});

describe('who may', () => {
  const tokens = [
    token('reader', ['read']),
    token('writer', ['write']),
    token('both', ['read', 'write']),
    token('operator', ['routes']),
  ];
  const routes = [route('/'), route('/named', { read: ['both'], writeTokens: ['both'] })];

  test.each<[string, Parameters<typeof startRouter>[0], string, string, string | null, string]>([
    ['open readers', { settings: { writers: 'token' }, tokens }, 'GET', '/x', null, '307'],
    [
      'open readers ignore tokens',
      { settings: { writers: 'token' }, tokens },
      'GET',
      '/x',
      'stranger',
      '307',
    ],
    [
      'writers need a token',
      { settings: { writers: 'token' }, tokens },
      'PUT',
      '/x',
      null,
      '401 token_missing',
    ],
    [
      'which is known',
      { settings: { writers: 'token' }, tokens },
      'PUT',
      '/x',
      'stranger',
      '401 token_unknown',
    ],
    [
      'with the scope',
      { settings: { writers: 'token' }, tokens },
      'PUT',
      '/x',
      'reader',
      '403 insufficient_scope',
    ],
    ['a writer writes', { settings: { writers: 'token' }, tokens }, 'PUT', '/x', 'writer', '307'],
    ['and deletes', { settings: { writers: 'token' }, tokens }, 'DELETE', '/x', 'writer', '307'],
    [
      'POST is a write',
      { settings: { writers: 'token' }, tokens },
      'POST',
      '/x',
      'reader',
      '403 insufficient_scope',
    ],
    ['open writers', { settings: { writers: 'open' }, tokens }, 'PUT', '/x', null, '307'],
    [
      'readers with a token',
      { settings: { readers: 'token' }, tokens },
      'GET',
      '/x',
      null,
      '401 token_missing',
    ],
    ['a reader reads', { settings: { readers: 'token' }, tokens }, 'HEAD', '/x', 'reader', '307'],
    [
      'a writer does not',
      { settings: { readers: 'token' }, tokens },
      'GET',
      '/x',
      'writer',
      '403 insufficient_scope',
    ],
    [
      'loopback without tokens is open',
      { settings: { readers: 'token', writers: 'token' } },
      'PUT',
      '/x',
      null,
      '307',
    ],
    [
      'elsewhere it is not',
      { settings: { host: '0.0.0.0', writers: 'token' } },
      'PUT',
      '/x',
      null,
      '401 token_missing',
    ],
    ['a route with names', { tokens }, 'GET', '/named/x', null, '401 token_missing'],
    ['refuses other tokens', { tokens }, 'GET', '/named/x', 'reader', '403 token_refused'],
    ['refuses other tokens', { tokens }, 'PUT', '/named/x', 'writer', '403 token_refused'],
    ['takes the named one', { tokens }, 'PUT', '/named/x', 'both', '307'],
    ['on loopback too', {}, 'GET', '/named/x', null, '401 token_missing'],
  ])('%s', async (_what, options, method, path, name, expected) => {
    await using router = await startRouter({ routes, ...options });
    const address = router.address.replace('0.0.0.0', '127.0.0.1');
    const response = await fetch(address + path, {
      redirect: 'manual',
      method,
      ...(name === null ? {} : bearer(name)),
    });
    expect(response.status === 307 ? '307' : await code(response)).toBe(expected);
    if (response.status === 401) expect(response.headers.get('www-authenticate')).toMatch(/Basic.*Bearer/);
  });

  test('Basic: any user name, the token as password', async () => {
    await using router = await startRouter({ routes, tokens, settings: { writers: 'token' } });
    const put = (pair: string) =>
      router.fetch('/x', {
        method: 'PUT',
        headers: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
      });
    expect((await put('any:token-writer')).status).toBe(307);
    expect((await put(':token-writer')).status).toBe(307);
    expect((await put('token-writer:')).status).toBe(401);
    expect((await put('any:token-reader')).status).toBe(403);
  });
});

describe('write', () => {
  test('never leaves GET and HEAD', async () => {
    await using router = await startRouter({ routes: [route('/', { write: 'never' })] });
    for (const method of ['GET', 'HEAD']) expect((await router.fetch('/x', { method })).status).toBe(307);
    for (const [method, query] of [
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '?uploads'],
      ['POST', ''],
    ] as const)
      expect(await code(await router.fetch(`/x${query}`, { method }))).toBe('403 write_refused');
  });

  test('once takes free keys only, and neither removes nor tags', async () => {
    await using opened = new AsyncDisposableStack();
    const server = opened.use(await S3KindServer.start(S3_KINDS.aws));
    const target = bucketTarget(server.endpoint, 'once');
    const router = opened.use(
      await startRouter({ routes: [route('/make', { target }), route('/', { target, write: 'once' })] }),
    );
    await createBucket(router, server, 'once');
    const put = (path: string) => router.fetch(path, { method: 'PUT' });
    expect((await put('/x')).status).toBe(307);
    const signed = await put('/make/x');
    expect((await fetch(signed.headers.get('location') ?? '', { method: 'PUT', body: 'a' })).status).toBe(
      200,
    );
    expect(await code(await put('/x'))).toBe('409 key_taken');
    expect(await code(await router.fetch('/x?uploads', { method: 'POST' }))).toBe('409 key_taken');
    expect((await router.fetch('/x')).status).toBe(307);
    expect(await code(await router.fetch('/x', { method: 'DELETE' }))).toBe('403 write_refused');
    expect(await code(await put('/free?tagging'))).toBe('403 write_refused');
  });

  test('once is 503 if the store does not answer', async () => {
    const target = bucketTarget('http://127.0.0.1:9', 'gone');
    await using router = await startRouter({ routes: [route('/', { target, write: 'once' })] });
    expect(await code(await router.fetch('/x', { method: 'PUT' }))).toBe('503 store_unavailable');
    expect((await router.fetch('/x')).status).toBe(307);
  });
});

async function createBucket(_router: RouterUnderTest, server: S3KindServer, bucket: string): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}

describe('a bucket that verifies signatures', () => {
  let server: S3KindServer;
  let router: RouterUnderTest;
  beforeAll(async () => {
    server = await S3KindServer.start(S3_KINDS.aws);
    router = await startRouter({
      routes: [
        route('/', { target: bucketTarget(server.endpoint, 'routed'), prefix: 'in/' }),
        route('/wrong', { target: bucketTarget(server.endpoint, 'routed', 'another secret') }),
      ],
    });
    await createBucket(router, server, 'routed');
  });
  afterAll(async () => {
    await router[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function follow(path: string, init: RequestInit = {}, changed: RequestInit = {}): Promise<Response> {
    const { body: _body, ...head } = init;
    const redirect = await router.fetch(path, head);
    expect(redirect.status).toBe(307);
    return fetch(redirect.headers.get('location') ?? '', { ...init, ...changed });
  }

  test('an object is written, read and removed', async () => {
    const headers = {
      'Content-Type': 'text/plain',
      'Content-MD5': 'HLJR7A1WjeapKbUgxK7Y0Q==',
      'x-amz-meta-colour': 'sky  blue',
    };
    const put = await follow('/a%20b/ü.txt', { method: 'PUT', body: 'text', headers });
    expect(put.status).toBe(200);
    expect(put.headers.get('etag')).toBe('"1cb251ec0d568de6a929b520c4aed8d1"');
    expect(server.keys('routed')).toEqual(['in/a b/ü.txt']);
    const got = await follow('/a%20b/ü.txt');
    expect(await got.text()).toBe('text');
    expect(got.headers.get('x-amz-meta-colour')).toBe('sky  blue');
    expect((await follow('/a%20b/ü.txt', { method: 'DELETE' })).status).toBe(204);
    expect((await follow('/a%20b/ü.txt')).status).toBe(404);
  });

  test('a signed payload hash holds for this payload', async () => {
    const sha256 = '982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1';
    const headers = { 'x-amz-content-sha256': sha256 };
    expect((await follow('/hash', { method: 'PUT', body: 'text', headers })).status).toBe(200);
    expect((await follow('/hash', { method: 'PUT', body: 'TEXT', headers })).status).toBe(400);
    const unsigned = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    expect((await follow('/hash', { method: 'PUT', body: 'any', headers: unsigned })).status).toBe(200);
  });

  test.each<[string, RequestInit, RequestInit]>([
    ['another method', { method: 'PUT' }, { method: 'DELETE' }],
    ['GET instead of HEAD', { method: 'HEAD' }, { method: 'GET' }],
    [
      'another header value',
      { method: 'PUT', headers: { 'x-amz-meta-a': '1' } },
      { headers: { 'x-amz-meta-a': '2' } },
    ],
    ['one more header', { method: 'PUT' }, { headers: { 'x-amz-acl': 'public-read' } }],
    ['a signed header left out', { method: 'PUT', headers: { 'x-amz-meta-a': '1' } }, { headers: {} }],
  ])('an address is not valid for %s', async (_what, init, changed) => {
    expect((await follow('/x', init, changed)).status).toBe(403);
  });

  test('an address is not valid for another key, or with another parameter', async () => {
    const location = (await router.fetch('/x')).headers.get('location') ?? '';
    expect((await fetch(location.replace('/in/x?', '/in/y?'))).status).toBe(403);
    expect((await fetch(`${location}&versionId=1`)).status).toBe(403);
  });

  test('a route with a wrong secret is redirected, and the store refuses', async () => {
    expect((await follow('/wrong/x')).status).toBe(403);
  });

  test('an object in parts', async () => {
    const begun = await follow('/parts', { method: 'POST' }).catch(() => null);
    expect(begun?.status ?? 405).toBeGreaterThanOrEqual(400);
    const created = await (await follow('/parts?uploads', { method: 'POST' })).text();
    const id = /<UploadId>([^<]+)</.exec(created)?.[1] ?? '';
    expect(id).not.toBe('');
    const query = `uploadId=${encodeURIComponent(id)}`;
    const part = await follow(`/parts?partNumber=1&${query}`, { method: 'PUT', body: 'one part' });
    expect(part.status).toBe(200);
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.get('etag')}</ETag></Part></CompleteMultipartUpload>`;
    expect((await follow(`/parts?${query}`, { method: 'POST', body })).status).toBe(200);
    expect(await (await follow('/parts')).text()).toBe('one part');
  });
});

describe('bodies', () => {
  let router: RouterUnderTest;
  beforeAll(async () => {
    router = await startRouter();
  });
  afterAll(() => router[Symbol.asyncDispose]());

  test.each([
    ['Content-Length: 3000000', 'Expect: 100-continue'],
    ['Transfer-Encoding: chunked', 'Expect: 100-continue'],
    ['Content-Length: 3000000', 'X-None: 1'],
    ['Transfer-Encoding: chunked', 'X-None: 1'],
    ['Content-Length: 4', 'Expect: 100-continue'],
  ])('%s, %s: the redirect comes before the body, without 100 Continue', async (length, expectation) => {
    const head = `PUT /x HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${expectation}\r\n\r\n`;
    const { text, end } = await exchange(router.address, head);
    expect(text).toMatch(/^HTTP\/1\.1 307 /);
    expect(text).toContain('Connection: close');
    expect(text).not.toContain('100 Continue');
    expect(end).toBe('closed');
  });

  test('a refusal also comes before the body', async () => {
    const head =
      'PUT /x?acl HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n';
    const { text, end } = await exchange(router.address, head);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(end).toBe('closed');
  });

  test('a small body that is there already keeps the connection', async () => {
    const one = 'PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\ntext';
    const { text } = await exchange(router.address, one + one, { until: /307[^]*307/ });
    expect(text).toContain('Connection: keep-alive');
  });

  test('a client that sends all of its body before it reads gets the answer', async () => {
    const response = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(
        router.address + '/x',
        { method: 'PUT', headers: { 'Content-Length': 20_000_000 } },
        (incoming) => {
          incoming.resume();
          resolve(incoming.statusCode);
        },
      );
      sent.on('error', reject);
      for (let at = 0; at < 20; at += 1) sent.write(Buffer.alloc(1_000_000));
      sent.end();
    });
    expect(response).toBe(307);
  });

  test('the administration gets 100 Continue', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
    const { text } = await exchange(router.address, head, { until: /100 Continue/ });
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue/);
  });
});

describe('lists', () => {
  test.each(['folder', 'bucket'])('a %s is listed one level at a time', async (kind) => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder());
    const server = opened.use(await S3KindServer.start(S3_KINDS.aws));
    const logger = createLogger({ level: 'silent', program: 'test', version: '0' });
    const budgets = { copiesPerMinute: null, bytesPerDay: null, bytesStored: null };
    const service = {
      kind: 'filesystem',
      directory: folder.path,
      maxBytes: 1e9,
      budgets,
      regions: { here: { budgets } },
    } as const;
    const stores = await openRoutedStores({ local: service }, logger, opened, {});
    const target =
      kind === 'folder'
        ? ({ kind: 'store', store: STORE } as const)
        : bucketTarget(server.endpoint, 'listed');
    const router = opened.use(
      await startRouter({
        routes: [route('/l', { target, list: true, prefix: 'base/' })],
        stores,
      }),
    );
    const keys = ['a.txt', 'b&<.txt', 'dir/one', 'dir/two', 'dir2/x', 'é'];
    if (kind === 'bucket') await createBucket(router, server, 'listed');
    for (const key of keys) {
      if (kind === 'folder') {
        const options = { headers: { contentType: 'a/b' }, sizeBytes: 1, metadata: () => ({}) };
        await stores.get(STORE)?.put(`routed/base/${key}`, once('x'), options);
        continue;
      }
      const redirect = await router.fetch(`/l/${encodeURIComponent(key)}`, { method: 'PUT' });
      await fetch(redirect.headers.get('location') ?? '', { method: 'PUT', body: 'x' });
    }
    const names = ['a.txt', 'b&<.txt', 'dir/', 'dir2/', 'é'];
    const all = await router.fetch('/l/');
    expect(all.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await all.text()).toBe(names.map((name) => `${name}\n`).join(''));
    expect(await (await router.fetch('/l/dir/')).text()).toBe('one\ntwo\n');
    expect(await (await router.fetch('/l/nothing/')).text()).toBe('');

    const seen: string[] = [];
    for (let path: string | null = '/l/?limit=2'; path !== null;) {
      const page: Response = await router.fetch(path, { headers: { Accept: 'application/json' } });
      seen.push(...((await page.json()) as string[]));
      path = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1] ?? null;
    }
    expect(seen).toEqual(names);

    const html = await router.fetch('/l/', { headers: { Accept: 'text/plain;q=0.5, text/html' } });
    expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await html.text()).toContain('<a href="./b%26%3C.txt">b&amp;&lt;.txt</a>');
    for (const [accept, type] of [
      ['text/json', 'text/json'],
      ['application/json; charset=utf-8', 'application/json'],
      ['text/html; charset=utf-8', 'text/html; charset=utf-8'],
    ])
      expect(
        (await router.fetch('/l/', { headers: { Accept: accept ?? '' } })).headers.get('content-type'),
      ).toBe(type);
    const head = await router.fetch('/l/', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'prefix=x', 'after=a&after=b'])(
    '?%s is refused',
    async (query) => {
      await using router = await startRouter({ routes: [route('/', { list: true })] });
      expect(await code(await router.fetch(`/dir/?${query}`))).toBe('400 parameter_refused');
    },
  );

  test('a route without list signs the key with its slash', async () => {
    await using router = await startRouter();
    expect((await router.fetch('/dir/')).status).toBe(307);
  });
});

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
