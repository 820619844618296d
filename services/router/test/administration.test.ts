import { createHash } from 'node:crypto';
import { readdir, readFile, rename } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KEY, startAdministration } from './administration-under-test.ts';
import type { AdministrationUnderTest } from './administration-under-test.ts';

const SEED = {
  '/': { s3: { bucket: 'a-bucket', access: 'the-access-key', secret: 'the-secret-key' } },
};
const STORE = { store: 'local/here' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' };

type Headers = Readonly<Record<string, string>>;
const send = (one: AdministrationUnderTest, method: string, body: unknown, headers: Headers = {}) =>
  one.fetch({
    method,
    headers: { ...JSON_TYPE, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const get = (one: AdministrationUnderTest, accept: string, headers: Headers = {}) =>
  one.fetch({ headers: { Accept: accept, ...headers } });
const shown = async (one: AdministrationUnderTest): Promise<unknown> =>
  (await get(one, 'application/json')).json();
const paths = async (one: AdministrationUnderTest): Promise<string[]> =>
  Object.keys((await shown(one)) as object);

describe('the routes', () => {
  test('are set by POST, masked by GET, and sealed on disk', async () => {
    await using one = await startAdministration();
    const answer = await send(one, 'POST', SEED);
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('warning')).toBeNull();
    expect(await shown(one)).toEqual({
      '/': { s3: { bucket: 'a-bucket', access: '••••••••••••••', secret: '••••••••••••••' } },
    });
    expect(one.routes.table.match('/xyz')?.route.target).toMatchObject({
      credentials: { accessKeyId: 'the-access-key', secretAccessKey: 'the-secret-key' },
    });
    const stored = await Promise.all(
      (await readdir(one.folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
    );
    expect(stored.length).toBeGreaterThan(0);
    for (const text of [...stored, one.logText()]) expect(text).not.toMatch(/the-access-key|the-secret-key/);
  });

  test('are merged by POST, replaced by PUT, and cleared by DELETE', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', SEED);
    await send(one, 'POST', { 'a//b/': STORE, '/c': STORE });
    expect(await paths(one)).toEqual(['/', '/a/b', '/c']);
    await send(one, 'POST', { '/a/b/': '*delete*', '/never': '*delete*' });
    expect(await paths(one)).toEqual(['/', '/c']);
    expect((await send(one, 'PUT', { '/d': STORE })).status).toBe(200);
    expect(await shown(one)).toEqual({ '/d': STORE });
    expect((await one.fetch({ method: 'DELETE' })).status).toBe(200);
    expect(await shown(one)).toEqual({});
  });

  test('sent back as they were shown stay as they are', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', SEED);
    const before = one.routes.table.match('/x')?.route.target;
    for (const method of ['POST', 'PUT']) {
      expect((await send(one, method, await shown(one))).status).toBe(200);
      expect(one.routes.table.match('/x')?.route.target).toEqual(before);
    }
  });

  test('are taken from a body that curl -d sends without a type of its own', async () => {
    await using one = await startAdministration();
    expect((await send(one, 'POST', JSON.stringify({ '/a': STORE }), FORM_TYPE)).status).toBe(200);
    expect(await paths(one)).toEqual(['/a']);
  });

  test('survive a restart', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', SEED);
    await using again = await startAdministration({ folder: one.folder });
    expect(again.routes.table.match('/x')?.route.target).toEqual(one.routes.table.match('/x')?.route.target);
  });

  test('change on every instance', async () => {
    await using one = await startAdministration();
    await using other = await startAdministration({ folder: one.folder });
    await send(one, 'POST', SEED);
    await expect.poll(() => other.routes.table.size).toBe(1);
    await other.fetch({ method: 'DELETE' });
    await expect.poll(() => one.routes.table.size).toBe(0);
  });
});

describe('a faulty change', () => {
  test.each<[string, string, Headers, number, string]>([
    ['text', 'hello', {}, 400, 'not JSON'],
    ['nothing', '', {}, 400, 'not JSON'],
    ['a list', '[]', {}, 400, 'a mapping from paths to routes'],
    ['an unknown option', '{"/":{"s3":{"bucket":"bbb","acl":"x"}}}', {}, 400, '["/"].s3.acl'],
    ['an unknown store', '{"/":{"store":"s3/nowhere"}}', {}, 400, 'local/here'],
    ['a malformed If-Match', '{}', { 'If-Match': 'abc' }, 400, 'If-Match'],
    [
      'a form with files',
      '--x',
      { 'Content-Type': 'multipart/form-data; boundary=x' },
      415,
      'application/json',
    ],
  ])('with %s is refused and changes nothing', async (_what, body, headers, status, detail) => {
    await using one = await startAdministration();
    const answer = await send(one, 'POST', body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.stringify(await answer.json())).toContain(detail.replaceAll('"', '\\"'));
    expect(one.routes.revision).toBe('0');
  });

  test('does not show the secret that it contained', async () => {
    await using one = await startAdministration();
    const secrets = { access: 'the-access-key', secret: 'the secret key', token: 7 };
    for (const body of [
      JSON.stringify({ '/': { s3: { bucket: 'bbb', ...secrets } } }),
      `{"/": {"s3": {"secret": "the-secret-key",,}}}`,
    ]) {
      const answer = await send(one, 'POST', body);
      expect(answer.status).toBe(400);
      expect((await answer.text()) + one.logText()).not.toMatch(/the.(?:access|secret).key/);
    }
  });

  test('of more than a mebibyte is refused, with and without its length', async () => {
    await using one = await startAdministration();
    const body = `{"/":${' '.repeat(1024 ** 2)}"*delete*"}`;
    expect((await send(one, 'POST', body)).status).toBe(413);
    const stream = new Blob([body]).stream();
    const chunked = { method: 'POST', headers: JSON_TYPE, body: stream, duplex: 'half' } as RequestInit;
    expect((await one.fetch(chunked)).status).toBe(413);
  });

  test('of a document over eight mebibytes is refused', async () => {
    await using one = await startAdministration();
    const statuses: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const many = Array.from({ length: 1_000 }, (_, n) => [`/${round}/${n}/${'x'.repeat(950)}`, STORE]);
      statuses.push((await send(one, 'POST', Object.fromEntries(many))).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 413]);
  });

  test('by another method is refused', async () => {
    await using one = await startAdministration();
    const answer = await one.fetch({ method: 'PATCH' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, PUT, DELETE']);
  });
});

describe('two operators at once', () => {
  test('the later one learns of the other’s change by If-Match', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', { '/a': STORE });
    const tag = (await get(one, 'application/json')).headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w.-]+"$/);
    expect((await send(one, 'POST', { '/b': STORE }, { 'If-Match': tag })).status).toBe(200);
    for (const method of ['POST', 'PUT']) {
      const late = await send(one, method, { '/c': STORE }, { 'If-Match': tag });
      expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([412, 'routes_changed']);
    }
    expect((await one.fetch({ method: 'DELETE', headers: { 'If-Match': tag } })).status).toBe(412);
    expect(await paths(one)).toEqual(['/a', '/b']);
    const now = (await get(one, 'application/json')).headers.get('etag') ?? '';
    expect((await send(one, 'POST', { '/c': STORE }, { 'If-Match': `"x", ${now}` })).status).toBe(200);
    expect((await send(one, 'POST', { '/d': STORE }, { 'If-Match': '*' })).status).toBe(200);
    expect((await send(one, 'POST', { '/e': STORE }, { 'If-Match': `W/${now}` })).status).toBe(412);
  });

  test('the tag of an answer is that of the next GET', async () => {
    await using one = await startAdministration();
    const { headers } = await send(one, 'POST', { '/a': STORE });
    expect(headers.get('etag')).toBe((await get(one, 'application/json')).headers.get('etag'));
  });

  test('changes at the same time are all kept', async () => {
    await using one = await startAdministration();
    await using other = await startAdministration({ folder: one.folder });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => send(n % 2 === 0 ? one : other, 'POST', { [`/${n}`]: STORE })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(10).fill(200));
    await expect.poll(() => other.routes.table.size).toBe(10);
  });
});

describe('GET /', () => {
  const INSTANCES = [
    { host: '10.0.0.1', port: 31_000, role: 'router', state: 'running' },
    { host: '2001:db8::1', port: 31_001, role: 'router', state: 'running' },
  ];

  test.each([
    ['application/json', 'application/json; charset=utf-8'],
    ['text/json', 'text/json; charset=utf-8'],
    ['text/plain', 'text/plain; charset=utf-8'],
    ['text/tab-separated-values', 'text/tab-separated-values; charset=utf-8'],
    ['text/html', 'text/html; charset=utf-8'],
    ['*/*', 'text/html; charset=utf-8'],
    ['image/png', 'text/html; charset=utf-8'],
    ['text/html;q=0.3, application/json;q=0.4', 'application/json; charset=utf-8'],
    ['application/json;q=0.3, text/plain;q=0.7', 'text/plain; charset=utf-8'],
    ['text/plain;q=0, */*;q=0.1', 'text/html; charset=utf-8'],
    ['application/*', 'application/json; charset=utf-8'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8'],
    ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
    ['text/plain;charset="UTF-8"', 'text/plain; charset=utf-8'],
    ['application/json;version=1', 'application/json; charset=utf-8'],
    ['text/plain;format=flowed;q=0.2, text/json;version=1;q=0.4', 'text/json; charset=utf-8'],
    ['application/json;charset=utf-8;q=0, text/plain;q=0.1', 'text/plain; charset=utf-8'],
    ['text/html;level=1, application/json;q=0.5', 'application/json; charset=utf-8'],
  ])('answers Accept: %s by quality', async (accept, type) => {
    await using one = await startAdministration();
    const answer = await get(one, accept);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.headers.get('vary')).toContain('Accept');
    expect(answer.headers.has('etag')).toBe(type.includes('json'));
    const head = await one.fetch({ method: 'HEAD', headers: { Accept: accept } });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, type, '']);
    expect(head.headers.get('content-length')).toBe(answer.headers.get('content-length'));
  });

  test('without Accept, as load balancers send it, is the page', async () => {
    await using one = await startAdministration();
    const type = await new Promise((resolve) =>
      httpRequest(one.url, (response) => {
        response.resume();
        resolve([response.statusCode, response.headers['content-type']]);
      }).end(),
    );
    expect(type).toEqual([200, 'text/html; charset=utf-8']);
  });

  test('lists the instances on one line without a TAB at its end', async () => {
    await using one = await startAdministration({ instances: INSTANCES });
    expect(await (await get(one, 'text/plain')).text()).toBe(
      'sssp\t9000\t10.0.0.1:31000\t[2001:db8::1]:31001\n',
    );
    await using none = await startAdministration();
    expect(await (await get(none, 'text/plain')).text()).toBe('sssp\t9000\n');
  });

  test('shows a page that needs no script and loads nothing', async () => {
    const faults = new Map([['/', 'the bucket does not exist']]);
    await using one = await startAdministration({ instances: INSTANCES, faults });
    await send(one, 'POST', { ...SEED, '/<b>"\'&': STORE });
    const answer = await get(one, 'text/html');
    const page = await answer.text();
    for (const text of ['a-bucket', '••••••••••••••', '10.0.0.1:31000', 'the bucket does not exist'])
      expect(page).toContain(text);
    expect(page).toContain('/&lt;b&gt;&quot;&#39;&amp;');
    expect(page).not.toContain('/<b>');
    expect(page).not.toMatch(/<script|javascript:|\son\w+=|the-access-key|the-secret-key/);
    for (const name of ['path', 'bucket', 'access', 'secret', 'region', 'endpoint', 'store', 'action'])
      expect(page).toContain(`name="${name}"`);
    const style = /<style>([^]*)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(answer.headers.get('content-security-policy')).toContain(`'sha256-${hash}'`);
  });
});

describe('the form of the page', () => {
  const submit = (one: AdministrationUnderTest, fields: Record<string, string>, headers: Headers = {}) =>
    one.fetch({
      method: 'POST',
      headers: { ...FORM_TYPE, ...headers },
      body: new URLSearchParams(fields).toString(),
    });

  test('creates and deletes a route, and leads back to the page', async () => {
    await using one = await startAdministration();
    const created = await submit(one, {
      path: '/a',
      bucket: 'bucket',
      access: 'AKIA',
      secret: 'sesame',
      region: '',
      endpoint: 'http://127.0.0.1:7480',
      store: '',
      action: 'create',
    });
    expect([created.status, created.headers.get('location')]).toEqual([303, '/']);
    expect(await shown(one)).toEqual({
      '/a': { s3: { bucket: 'bucket', endpoint: 'http://127.0.0.1:7480', access: '••••', secret: '••••••' } },
    });
    const deleted = await submit(one, { path: '/a', action: 'delete' });
    expect(deleted.status).toBe(303);
    expect(await shown(one)).toEqual({});
  });

  test('deletes the route of its button, also if another path differs only in spaces', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', { '/a': STORE, '/a ': STORE });
    expect((await submit(one, { path: '/a ', action: 'delete' })).status).toBe(303);
    expect(await paths(one)).toEqual(['/a']);
  });

  test('creates a route to a store', async () => {
    await using one = await startAdministration();
    await submit(one, {
      path: '/a',
      bucket: '',
      access: '',
      secret: '',
      store: 'local/here',
      action: 'create',
    });
    expect(await shown(one)).toEqual({ '/a': STORE });
  });

  test.each([
    ['no path', { bucket: 'bucket', action: 'create' }, 'path'],
    ['no bucket', { path: '/a', action: 'create' }, 's3 or store'],
    [
      'a secret without access',
      { path: '/a', bucket: 'bucket', secret: 'sesame', action: 'create' },
      'access',
    ],
    ['another action', { path: '/a', action: 'drop' }, 'create or delete'],
  ])('with %s is 400 with the page, the fault, and what was typed', async (_what, fields, fault) => {
    await using one = await startAdministration();
    const answer = await submit(one, fields);
    const page = await answer.text();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    expect(page).toContain(fault);
    expect(page).toContain('role="alert"');
    expect(page).not.toContain('sesame');
    if ('path' in fields) expect(page).toContain('value="/a"');
  });

  test.each([
    ['another site', { Origin: 'https://attacker.example' }],
    ['another port of this machine', { Origin: 'http://127.0.0.1:1' }],
    ['a page without an origin', { Origin: 'null' }],
    ['another site, by its fetch metadata', { 'Sec-Fetch-Site': 'cross-site' }],
    ['another site, in another spelling', { 'Sec-Fetch-Site': 'Cross-Site' }],
  ])('from %s is refused', async (_what, headers) => {
    await using one = await startAdministration({ publicUrl: 'https://routes.example.com' });
    for (const answer of [
      await submit(one, { path: '/a', store: 'local/here', action: 'create' }, headers),
      await send(one, 'PUT', {}, headers),
      await one.fetch({ method: 'DELETE', headers: headers as unknown as Headers }),
    ])
      expect(answer.status).toBe(403);
    expect(one.routes.revision).toBe('0');
  });

  test('from its own page is taken, under each name of the router', async () => {
    await using one = await startAdministration({ publicUrl: 'https://routes.example.com' });
    for (const origin of [new URL(one.url).origin, 'https://routes.example.com']) {
      const headers = { Origin: origin, 'Sec-Fetch-Site': 'same-origin' };
      expect((await submit(one, { path: '/a', store: 'local/here', action: 'create' }, headers)).status).toBe(
        303,
      );
    }
  });
});

describe('who may', () => {
  const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
  const tokens = [
    { name: 'oncall', sha256: sha256('t-routes'), scopes: ['routes'] },
    { name: 'ci', sha256: sha256('t-write'), scopes: ['write'] },
  ];
  const basic = (password: string) => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`;

  test.each([
    ['a bearer token', 'Bearer t-routes', 200],
    ['Basic with the token as password', basic('t-routes'), 200],
    ['nothing', null, 401],
    ['an unknown token', 'Bearer t-none', 401],
    ['an unknown password', basic('t-none'), 401],
    ['a token without the scope', 'Bearer t-write', 403],
  ])('with %s', async (_what, authorization, status) => {
    await using one = await startAdministration({ tokens });
    const headers: Headers = authorization === null ? {} : { Authorization: authorization };
    const change = await send(one, 'POST', { '/a': STORE }, headers);
    expect(change.status).toBe(status);
    expect((await get(one, 'application/json', headers)).status).toBe(status);
    if (status === 401) expect(change.headers.get('www-authenticate')).toMatch(/^Basic .*Bearer /);
    expect(one.routes.table.size).toBe(status === 200 ? 1 : 0);
  });

  test('without a token, the endpoints line and a page without routes stay open', async () => {
    await using one = await startAdministration({ tokens });
    await send(one, 'POST', SEED, { Authorization: 'Bearer t-routes' });
    expect(await (await get(one, 'text/plain')).text()).toBe('sssp\t9000\n');
    const page = await get(one, 'text/html');
    expect(page.status).toBe(200);
    expect(await page.text()).not.toMatch(/a-bucket|name="path"/);
    expect((await one.fetch({ path: '?sign-in', headers: { Accept: 'text/html' } })).status).toBe(401);
    const signedIn = await get(one, 'text/html', { Authorization: basic('t-routes') });
    expect(await signedIn.text()).toContain('a-bucket');
    expect((await get(one, 'text/html', { Authorization: 'Bearer t-write' })).status).toBe(403);
  });

  test('without tokens, only loopback is open', async () => {
    await using one = await startAdministration({ isLoopback: false });
    expect((await send(one, 'POST', { '/a': STORE })).status).toBe(401);
    expect((await get(one, 'application/json')).status).toBe(401);
    expect((await get(one, 'text/plain')).status).toBe(200);
  });

  test('a faulty document is 400 for everybody, a large one 401 for strangers', async () => {
    await using one = await startAdministration({ tokens });
    expect((await send(one, 'POST', '{')).status).toBe(400);
    expect((await send(one, 'POST', `{${' '.repeat(100_000)}}`)).status).toBe(401);
  });
});

describe('the audit stream', () => {
  const audit = (one: AdministrationUnderTest) =>
    one.lines
      .filter(({ audit }) => audit === true)
      .map(({ event, operator, mode, set, removed, status }) => ({
        event,
        operator,
        mode,
        set,
        removed,
        status,
      }));

  test('has a begun and an ended line for each change, and none for reads', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', { '/a': STORE, '/b': '*delete*' });
    await one.fetch({ method: 'DELETE' });
    await get(one, 'application/json');
    const merge = { operator: 'loopback', mode: 'merge', set: ['/a'], removed: ['/b'] };
    const clear = { operator: 'loopback', mode: 'replace', set: undefined, removed: undefined };
    expect(audit(one)).toEqual([
      { event: 'begun', ...merge, status: undefined },
      { event: 'ended', ...merge, status: 200 },
      { event: 'begun', ...clear, status: undefined },
      { event: 'ended', ...clear, status: 200 },
    ]);
  });

  test('has refused changes', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', '{');
    expect(audit(one)).toMatchObject([{ event: 'refused', operator: 'loopback', status: 400 }]);
  });
});

describe('without a seal key', () => {
  test('routes with credentials stay in memory, and the answer and the log say so', async () => {
    await using one = await startAdministration({ sealKeys: null });
    await using other = await startAdministration({ folder: one.folder, sealKeys: null });
    const answer = await send(one, 'POST', { ...SEED, '/b': STORE });
    expect([answer.status, answer.headers.get('warning')]).toEqual([
      200,
      expect.stringMatching(/^199 .*memory/) as string,
    ]);
    expect(one.logText()).toContain('router.sealKey');
    expect(one.routes.table.size).toBe(2);
    await expect.poll(() => other.routes.table.size).toBe(1);
    expect(await paths(other)).toEqual(['/b']);
    expect(await (await get(one, 'text/html')).text()).toContain('in the memory of this instance only');
    await using again = await startAdministration({ folder: one.folder, sealKeys: null });
    expect(await paths(again)).toEqual(['/b']);
  });

  test('they change, are removed, and end when another instance replaces all routes', async () => {
    await using one = await startAdministration({ sealKeys: null });
    await using other = await startAdministration({ folder: one.folder, sealKeys: null });
    const tags = new Set<string | null>();
    const tagOf = async () => tags.add((await get(one, 'application/json')).headers.get('etag'));
    await tagOf();
    await send(one, 'POST', SEED);
    await tagOf();
    await send(one, 'POST', { '/': { s3: { bucket: 'b-bucket', access: '•', secret: 'other' } } });
    await tagOf();
    expect(one.routes.table.match('/x')?.route.target).toMatchObject({
      bucket: 'b-bucket',
      credentials: { accessKeyId: 'the-access-key', secretAccessKey: 'other' },
    });
    await send(one, 'POST', { '/': '*delete*' });
    await tagOf();
    expect(one.routes.table.size).toBe(0);
    expect(tags.size).toBe(4);
    await send(one, 'POST', SEED);
    await other.fetch({ method: 'DELETE' });
    await expect.poll(() => one.routes.table.size).toBe(0);
  });
});

describe('another seal key', () => {
  test('makes the sealed routes unusable by name, and leaves the others', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', { ...SEED, '/b': STORE });
    await using other = await startAdministration({ folder: one.folder, sealKeys: [Buffer.alloc(32, 9)] });
    expect(other.routes.table.match('/x')?.route.target).toMatchObject({ kind: 'unusable' });
    expect(other.routes.table.match('/b/x')?.route.target).toMatchObject({ kind: 'store' });
    expect(await (await get(other, 'text/html')).text()).toContain('sealed with another key');
    // Sent back with its bullets, the route is kept for those who have the key.
    expect((await send(other, 'PUT', await shown(other))).status).toBe(200);
    await expect.poll(() => one.routes.table.match('/x')?.route.target.kind).toBe('s3');
    await using rotated = await startAdministration({
      folder: one.folder,
      sealKeys: [Buffer.alloc(32, 9), KEY],
    });
    expect(rotated.routes.table.match('/x')?.route.target.kind).toBe('s3');
    expect(await rotated.routes.reseal()).toBe(true);
    await expect.poll(() => other.routes.table.match('/x')?.route.target.kind).toBe('s3');
  });
});

describe('while the store is down', () => {
  test('changes are 503, the routes stay, the page says degraded, and it recovers', async () => {
    await using one = await startAdministration();
    await send(one, 'POST', SEED);
    const state = join(one.folder, 'state');
    await rename(state, `${state}-away`);
    const answer = await send(one, 'POST', { '/b': STORE });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      503,
      'state_unavailable',
    ]);
    expect(one.routes.table.size).toBe(1);
    await expect.poll(async () => (await get(one, 'text/html')).text()).toContain('Degraded');
    await using again = await startAdministration({ folder: one.folder });
    // The check at the start has made the folder again, which is empty now.
    expect(again.routes.table.size).toBe(0);
    await rename(state, `${state}-empty`);
    await rename(`${state}-away`, state);
    await expect.poll(async () => (await send(one, 'POST', { '/b': STORE })).status).toBe(200);
    await expect.poll(() => one.routes.degraded).toBeNull();
    expect(await paths(one)).toEqual(['/', '/b']);
  });
});
