import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import type { Mirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';

/** A mirror under test, whichever way it runs. */
export interface MirrorUnderTest extends AsyncDisposable {
  readonly mirror: Mirror;
  readonly service: string;
  readonly region: string;
}

const OPERATOR = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** The behaviour that clients and operators can rely on in every way to run the mirror, over real sockets. */
export function mirrorSuite(start: (origin: OriginServer) => Promise<MirrorUnderTest>): void {
  let origin: OriginServer;
  let under: MirrorUnderTest;
  let seed = 0;

  /** An origin path that no other test has used. */
  const fresh = (path: string): string => `${path}${path.includes('?') ? '&' : '?'}seed=${++seed}`;
  const at = (path: string): string => under.mirror.redirectUrl(under.region, origin.url(path));
  const operate = (call: string, path: string): string =>
    under.mirror.frontend.url(
      `/v1/${call}/${under.service}/${under.region}/${Buffer.from(origin.url(path)).toString('base64url')}`,
    );

  beforeAll(async () => {
    origin = await startOriginServer();
    under = await start(origin);
  });
  afterAll(async () => {
    await under?.[Symbol.asyncDispose]();
    await origin?.[Symbol.asyncDispose]();
  });

  test('the first request makes a copy, the second one causes no traffic at the origin', async () => {
    const path = fresh('/bytes/1024');
    const first = await fetchThrough(at(path));
    expect(first.artifact.bytes).toEqual(origin.bodyOf(path).bytes());
    expect(first.location).not.toContain(origin.baseUrl);
    expect(first.redirect.headers['cache-status']).toBe('cloud-mirror; fwd=miss; stored');
    expect(first.redirect.headers['cloud-mirror-sha256']).toBe(origin.bodyOf(path).sha256);
    expect(origin.count('HEAD', path)).toBe(1);
    expect(origin.count('GET', path)).toBe(1);

    const second = await fetchThrough(at(path));
    expect(second.artifact.bytes).toEqual(first.artifact.bytes);
    expect(second.redirect.headers['cache-status']).toBe('cloud-mirror; hit');
    expect(second.redirect.json()).toEqual({ status: 'present', url: second.location });
    expect(origin.count(null, path)).toBe(2);
  });

  test.each([
    ['JSON', '/json?origin=127.0.0.1'],
    ['a gzip-encoded body', '/gzip?x=1'],
    ['a deflate-encoded body', '/deflate?x=1'],
    ['UTF-8 text', '/encoding/utf8?x=1'],
    ['a chunked stream', '/stream/70000?x=1'],
    ['bytes', '/bytes/65537?x=1'],
    ['an empty object', '/bytes/0?x=1'],
    ['an object of several parts', '/bytes/20000000?x=1'],
    ['a chunked stream of several parts', '/stream/18000000?x=1'],
    ['bytes without a type', '/no-type/100?x=1'],
    [
      'a disposition and a language',
      '/bytes/10?disposition=attachment%3B%20filename%3D%22a.bin%22&language=de',
    ],
    ['what is behind three redirects', '/redirect/3?x=1'],
    ['an origin that refuses HEAD with 405', '/head-405/300?x=1'],
    ['an origin that refuses HEAD with 403', '/head-403/300?x=1'],
    ['an origin that refuses HEAD with 404', '/answers/300?head=404'],
    ['an origin that answers HEAD with 204', '/answers/300?head=204'],
  ])('%s comes back byte for byte with its headers', async (_what, template) => {
    const path = fresh(template);
    const { artifact, location } = await fetchThrough(at(path), { headers: { prefer: 'wait=10' } });
    expect(location).not.toContain(origin.baseUrl);
    const direct = await fetchOnWire(await finalUrl(origin.url(path)));
    expect(artifact.status).toBe(200);
    expect(artifact.bytes.equals(direct.bytes)).toBe(true);
    expect(artifact.headers['content-type']).toBe(
      direct.headers['content-type'] ?? 'application/octet-stream',
    );
    for (const name of ['content-encoding', 'content-language']) {
      expect(artifact.headers[name]).toBe(direct.headers[name]);
    }
    const name = new URL(origin.url(path)).pathname.split('/').at(-1) ?? '';
    expect(artifact.headers['content-disposition']).toBe(
      direct.headers['content-disposition'] ?? `inline; filename="${name}"`,
    );
  });

  test('an origin that sends Content-Encoding: aws-chunked, as stores do, is copied whole', async () => {
    const path = fresh('/bytes/5000?encoding=gzip%2C%20AWS-Chunked');
    const { artifact, location } = await fetchThrough(at(path), { headers: { prefer: 'wait=10' } });
    expect(location).not.toContain(origin.baseUrl);
    expect(artifact.headers['content-encoding']).toBe('gzip');
    expect(artifact.bytes.length).toBe(5000);
  });

  test.each([400, 401, 403, 404, 405, 410, 429, 500, 503])(
    'an origin that answers %i is passed on',
    async (status) => {
      const path = fresh(`/status/${status}`);
      const answer = await fetchOnWire(at(path));
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.json()).toMatchObject({ status, code: expect.any(String) as string });
      expect(answer.text).toContain(String(status));
      expect(answer.headers['cache-control']).toBe('no-store');
      if (status === 401) expect(answer.headers['www-authenticate']).toContain(`127.0.0.1:${origin.port}`);
      if (status === 405) expect(answer.headers['allow']).toBe('GET, HEAD');
    },
  );

  test('a 500 to the GET after a good HEAD is passed on and never stored', async () => {
    const path = fresh('/get-500');
    const answer = await fetchOnWire(at(path));
    expect(answer.status).toBe(500);
    const status = await fetchOnWire(operate('status', path), { headers: OPERATOR });
    expect(status.json()).toMatchObject({ object: null });
  });

  test.each([
    ['not_copyable', '/answers/10?head=204&get=204'],
    ['not_copyable', '/answers/10?get=205'],
    ['not_shareable', '/answers/10?header=Vary%3A%20User-Agent'],
    ['not_shareable', '/answers/10?header=Set-Cookie%3A%20a%3D1'],
    [
      'cookie_required',
      '/answers/10?get=302&head=302&header=Set-Cookie%3A%20a%3D1&header=Location%3A%20/loop',
    ],
  ])('%s: an answer that is not a shareable object redirects to the origin: %s', async (detail, template) => {
    const path = fresh(template);
    const answer = await fetchOnWire(at(path));
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(origin.url(path));
    expect(answer.headers['cache-status']).toBe(`cloud-mirror; fwd=miss; detail=${detail}`);
    expect(answer.headers['cache-control']).toBe('no-store');
    const status = await fetchOnWire(operate('status', path), { headers: OPERATOR });
    expect(status.json()).toMatchObject({ object: null, redirect: { to: 'origin' } });
  });

  test('a Retry-After of the origin is passed on', async () => {
    const path = fresh('/answers/10?head=429&header=Retry-After%3A%2037');
    const answer = await fetchOnWire(at(path));
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('37');
    expect(origin.count(null, path)).toBe(1);
  });

  test('a circle of redirects is a 502', async () => {
    expect((await fetchOnWire(at(fresh('/loop-a')))).status).toBe(502);
  });

  test('a URL that no source rule allows is 403 and never requested', async () => {
    const url = under.mirror.redirectUrl(under.region, 'http://127.0.0.1:1/not/on/the/list');
    const answer = await fetchOnWire(url);
    expect(answer.status).toBe(403);
    expect(answer.json()).toMatchObject({ code: 'not_allowed' });
    const redirected = await fetchOnWire(
      at(fresh(`/redirect-to?url=${encodeURIComponent('http://127.0.0.1:1/x')}`)),
    );
    expect(redirected.status).toBe(403);
  });

  test('every spelling of one URL is one object', async () => {
    const path = fresh('/bytes/333?name=a~b>>>ö');
    const url = new URL(origin.url(path)).href;
    const base = under.mirror.frontend.url(`/v1/redirect/${under.service}/${under.region}/`);
    const standard = Buffer.from(url).toString('base64');
    const spellings = [
      Buffer.from(url).toString('base64url'),
      standard.replaceAll('+', '-').replaceAll('/', '_'),
      standard,
      encodeURIComponent(standard),
      encodeURIComponent(standard.replace(/.{76}/g, '$&\n') + '\n'),
      encodeURIComponent(url),
      Buffer.from(`${url}#fragment`).toString('base64url'),
      `${Buffer.from(url).toString('base64url')}/artifact-1.0.tar.gz`,
    ];
    const locations = new Set<string>();
    for (const spelling of spellings) locations.add((await fetchThrough(base + spelling)).location);
    expect([...locations]).toHaveLength(1);
    expect(
      origin.requests.filter(({ method, path: asked }) => method === 'GET' && asked.includes(`seed=${seed}`)),
    ).toHaveLength(1);
  });

  test('200 simultaneous first requests make one copy', async () => {
    const path = fresh('/bytes/4096');
    const answers = await Promise.all(Array.from({ length: 200 }, () => fetchThrough(at(path))));
    expect(origin.count('GET', path)).toBe(1);
    const expected = origin.bodyOf(path).bytes();
    expect(answers.every(({ artifact }) => artifact.bytes.equals(expected))).toBe(true);
    const stored = answers.filter(
      ({ redirect }) => redirect.headers['cache-status'] === 'cloud-mirror; fwd=miss; stored',
    );
    expect(stored.length).toBeLessThanOrEqual(1);
  });

  test('a client that asks not to wait gets 202 and later the copy', async () => {
    const path = fresh('/slow/20480?bps=10240');
    const first = await fetchOnWire(at(path), { headers: { prefer: 'respond-async' } });
    expect(first.status).toBe(202);
    expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
    expect(first.headers['preference-applied']).toBe('respond-async');
    expect(first.json()).toMatchObject({ status: 'pending' });
    const done = await eventually(async () => {
      const answer = await fetchOnWire(`${at(path)}?async=1`);
      expect(answer.status).toBe(302);
      return answer;
    });
    expect(done.headers['location']).not.toContain(origin.baseUrl);
  });

  test('wait=0 redirects to the origin at once and makes the copy in the background', async () => {
    const path = fresh('/bytes/555');
    const first = await fetchThrough(`${at(path)}?wait=0`);
    expect(first.location).toBe(origin.url(path));
    expect(first.redirect.headers['cache-status']).toBe('cloud-mirror; fwd=miss; detail=not_waiting');
    expect(first.redirect.headers['vary']).toContain('Prefer');
    await eventually(
      async () => !(await fetchThrough(`${at(path)}?wait=0`)).location.includes(origin.baseUrl),
    );
  });

  test('when the wait is over the client gets the origin, and the copy continues', async () => {
    const path = fresh('/bytes/777');
    using hold = origin.hold(path);
    const answer = await fetchOnWire(at(path), { headers: { prefer: 'wait=1' } });
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(origin.url(path));
    expect(answer.headers['cache-status']).toBe('cloud-mirror; fwd=miss; detail=wait_over');
    expect(answer.json()).toMatchObject({ status: 'pending', url: origin.url(path) });
    hold.release();
    await eventually(async () => !(await fetchThrough(at(path))).location.includes(origin.baseUrl));
    expect(origin.count('GET', path)).toBe(1);
  });

  test('a purge then a fetch gives the new bytes', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    origin.set(name, Buffer.from('old'));
    expect((await fetchThrough(at(path))).artifact.text).toBe('old');
    origin.set(name, Buffer.from('new'));
    expect((await fetchThrough(at(path))).artifact.text).toBe('old');
    const refused = await fetchOnWire(operate('purge', path), { method: 'DELETE' });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
    expect((await fetchOnWire(operate('purge', path), { method: 'DELETE', headers: OPERATOR })).status).toBe(
      204,
    );
    expect((await fetchThrough(at(path))).artifact.text).toBe('new');
  });

  test('a purge beats a copy in flight', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    origin.set(name, Buffer.alloc(100_000, 'old'));
    using hold = origin.hold(path, { afterBytes: 50_000 });
    const early = fetchOnWire(at(path), { headers: { prefer: 'wait=0' } });
    await hold.arrived;
    await early;
    origin.set(name, Buffer.from('new'));
    expect((await fetchOnWire(operate('purge', path), { method: 'DELETE', headers: OPERATOR })).status).toBe(
      204,
    );
    hold.release();
    expect((await fetchThrough(at(path))).artifact.text).toBe('new');
    expect((await fetchThrough(at(path))).artifact.text).toBe('new');
  });

  test('a flush drops entries, and the copies are found again without the origin', async () => {
    const path = fresh('/bytes/888');
    await fetchThrough(at(path));
    const flushed = await fetchOnWire(under.mirror.frontend.url('/v1/cache'), {
      method: 'DELETE',
      headers: OPERATOR,
    });
    expect(flushed.json()['forgotten']).toBeGreaterThan(0);
    const again = await fetchThrough(at(path));
    expect(again.redirect.headers['cache-status']).toBe('cloud-mirror; hit');
    expect(origin.count('GET', path)).toBe(1);
  });

  test('HEAD answers as GET without a body', async () => {
    const path = fresh('/bytes/999');
    const { location } = await fetchThrough(at(path));
    const head = await fetchOnWire(at(path), { method: 'HEAD' });
    expect(head.status).toBe(302);
    expect(head.headers['location']).toBe(location);
    expect(head.bytes).toHaveLength(0);
    const artifact = await fetchOnWire(location, { method: 'HEAD' });
    expect(artifact.headers['content-length']).toBe('999');
  });

  test('a range of the copy is served by the store', async () => {
    const path = fresh('/bytes/1000');
    const { location } = await fetchThrough(at(path), { headers: { range: 'bytes=0-9' } });
    const part = await fetchOnWire(location, { headers: { range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect(part.bytes).toEqual(origin.bodyOf(path).bytes().subarray(100, 200));
  });

  test('a body that the origin cuts short is retried, and no partial copy is stored', async () => {
    const path = fresh('/cut/40000?at=20000&times=1&ranges=none');
    const { artifact } = await fetchThrough(at(path), { headers: { prefer: 'wait=10' } });
    expect(artifact.bytes).toEqual(origin.bodyOf(path).bytes());
    expect(origin.count('GET', path)).toBeGreaterThan(1);
  });

  test('a status report has the entry, the object and the target of a redirect', async () => {
    const path = fresh('/bytes/1111');
    const { location } = await fetchThrough(at(path));
    const report = (await fetchOnWire(operate('status', path), { headers: OPERATOR })).json();
    expect(report).toMatchObject({
      entry: { state: 'present' },
      object: { sizeBytes: 1111, sha256: origin.bodyOf(path).sha256 },
      redirect: { to: 'copy', location },
    });
  });

  test('unknown service or region is a 404 that names the known ones', async () => {
    const answer = await fetchOnWire(under.mirror.redirectUrl('nowhere', origin.url('/bytes/1')));
    expect(answer.status).toBe(404);
    expect(answer.text).toContain(under.region);
  });

  describe('errors and health', () => {
    test.each([
      ['not base64', '!!!', 400],
      ['not a URL', Buffer.from('ftp://host/file').toString('base64url'), 400],
      ['too long', Buffer.from(`https://h/${'x'.repeat(3100)}`).toString('base64url'), 414],
      ['pasted unencoded', 'https://host/file', 400],
    ])('%s', async (_what, parameter, status) => {
      const answer = await fetchOnWire(
        under.mirror.frontend.url(`/v1/redirect/${under.service}/${under.region}/${parameter}`),
        { headers: { 'x-request-id': 'asked-by-the-test' } },
      );
      expect(answer.status).toBe(status);
      expect(answer.headers['x-request-id']).toBe('asked-by-the-test');
      expect(answer.json()).toMatchObject({ status, requestId: 'asked-by-the-test' });
    });

    test.each(['/v1/ping', '/livez', '/readyz', '/metrics', '/v1/openapi.json', '/v1/backends'])(
      '%s',
      async (path) => {
        expect((await fetchOnWire(under.mirror.frontend.url(path))).status).toBe(200);
      },
    );

    test('every metric has the prefix, and every total is a counter', async () => {
      const { text } = await fetchOnWire(under.mirror.frontend.url('/metrics'));
      const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({
        name,
        type,
      }));
      expect(types.length).toBeGreaterThan(20);
      expect(types.filter(({ name }) => !name.startsWith('cloud_mirror_'))).toEqual([]);
      const isTotal = ({ name }: { name: string }) => name.endsWith('_total');
      expect(types.filter((one) => isTotal(one) !== (one.type === 'counter'))).toEqual([]);
    });
  });
}

/** The end of the origin's chain of redirects. */
async function finalUrl(url: string): Promise<string> {
  for (let current = url; ;) {
    const { headers } = await fetchOnWire(current, { headers: { range: 'bytes=0-0' } });
    const location = headers['location'];
    if (location === undefined) return current;
    current = new URL(location, current).href;
  }
}
