import type { RedirectOutcome } from '@cloud-mirror/cache-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { base64url, json, ORIGIN_URL, redirectPath, startFrontend } from './support/frontend-under-test.ts';
import type { FrontendUnderTest } from './support/frontend-under-test.ts';
import { rawRequest } from './support/raw-request.ts';

let frontend: FrontendUnderTest;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend[Symbol.asyncDispose]());

const PATH = redirectPath(ORIGIN_URL);
const COPY = 'https://copies.example/https%3A%2F%2Fartifacts.example.com%2Fbuilds%2F..%2Fapp';
const PRESENT = {
  kind: 'present',
  location: COPY,
  access: 'public',
  how: 'hit',
  collapsed: false,
  sha256: null,
} as const;

async function answerTo(outcome: RedirectOutcome, init?: RequestInit): Promise<Response> {
  frontend.cacheManager.decide = () => outcome;
  return frontend.fetch(PATH, init);
}

describe('a copy', () => {
  test('that exists is a hit', async () => {
    const response = await answerTo(PRESENT);
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(COPY);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; hit');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cloud-mirror-sha256')).toBeNull();
    expect(await json(response)).toEqual({ status: 'present', url: COPY });
  });

  test('that was made while the client waited has the Cache-Status stored', async () => {
    const response = await answerTo({ ...PRESENT, how: 'stored', sha256: 'ab'.repeat(32) });
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; fwd=miss; stored');
    expect(response.headers.get('vary')).toBe('Prefer');
    expect(response.headers.get('cloud-mirror-sha256')).toBe('ab'.repeat(32));
  });

  test('that another request had started has the Cache-Status collapsed', async () => {
    const response = await answerTo({ ...PRESENT, how: 'stored', collapsed: true });
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; fwd=miss; stored; collapsed');
  });

  test('with a signed URL is no-store', async () => {
    const response = await answerTo({ ...PRESENT, access: 'signed' });
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('with a public URL has the max-age of the configuration', async () => {
    await using lasting = await startFrontend({ server: { redirectMaxAgeSeconds: 30 } });
    expect((await lasting.fetch(PATH)).headers.get('cache-control')).toBe('private, max-age=30');
    lasting.cacheManager.decide = () => ({ ...PRESENT, access: 'signed' });
    expect((await lasting.fetch(PATH)).headers.get('cache-control')).toBe('no-store');
  });
});

describe('a request without a copy', () => {
  const origin = { kind: 'origin', location: ORIGIN_URL, state: 'pending', message: 'being made' } as const;

  test('is redirected to the origin, with the reason', async () => {
    const response = await answerTo({ ...origin, reason: 'wait_over' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(ORIGIN_URL);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; fwd=miss; detail=wait_over');
    expect(response.headers.get('vary')).toBe('Prefer');
    expect(await json(response)).toEqual({ status: 'pending', url: ORIGIN_URL, message: 'being made' });
  });

  test('names the preference that was applied', async () => {
    const response = await answerTo({ ...origin, reason: 'wait_over' }, { headers: { Prefer: 'wait=99' } });
    expect(response.headers.get('preference-applied')).toBe('wait=12');
  });

  test('is a 202 for a client that asked not to be redirected to the origin', async () => {
    const response = await answerTo(
      { kind: 'accepted', retryAfterSeconds: 1.2, message: 'being made' },
      { headers: { Prefer: 'respond-async' } },
    );
    expect(response.status).toBe(202);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('preference-applied')).toBe('respond-async');
    expect(response.headers.get('vary')).toBe('Prefer');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('location')).toBeNull();
    expect(await json(response)).toEqual({ status: 'pending', url: ORIGIN_URL, message: 'being made' });
  });
});

describe("the origin's error", () => {
  const answered = (status: number, retryAfterSeconds: number | null = null): RedirectOutcome => ({
    kind: 'origin_status',
    status,
    host: 'artifacts.example.com',
    retryAfterSeconds,
    message: `The origin answered ${status}.`,
  });

  test.each([400, 401, 403, 404, 405, 410, 416, 418, 429, 451, 500, 503, 504])(
    '%i is passed on',
    async (status) => {
      const response = await answerTo(answered(status));
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await json(response)).toMatchObject({ status, code: 'origin_status', originStatus: status });
    },
  );

  test.each([407, 426, 420, 499, 509, 520, 599, 700, 204, 301, 101, 42])(
    '%i becomes a 502',
    async (status) => {
      const response = await answerTo(answered(status));
      expect(response.status).toBe(502);
      expect(await json(response)).toMatchObject({
        status: 502,
        code: 'origin_status',
        originStatus: status,
      });
    },
  );

  test('is passed on with its Retry-After, and none is invented', async () => {
    expect((await answerTo(answered(429, 1234))).headers.get('retry-after')).toBe('1234');
    expect((await answerTo(answered(503))).headers.get('retry-after')).toBeNull();
  });

  test('401 names the host, and 405 the allowed methods', async () => {
    expect((await answerTo(answered(401))).headers.get('www-authenticate')).toBe(
      'Origin realm="artifacts.example.com"',
    );
    expect((await answerTo(answered(405))).headers.get('allow')).toBe('GET, HEAD');
  });
});

test.each<[RedirectOutcome, number, string]>([
  [{ kind: 'origin_redirects', message: 'a circle' }, 502, 'origin_redirects'],
  [{ kind: 'not_allowed', message: 'no rule allows it' }, 403, 'not_allowed'],
  [{ kind: 'unknown_backend', known: ['s3/us-west-1'] }, 404, 'unknown_backend'],
])('%j', async (outcome, status, code) => {
  const response = await answerTo(outcome);
  expect(response.status).toBe(status);
  const body = await json(response);
  expect(body).toMatchObject({
    type: 'about:blank',
    status,
    code,
    requestId: response.headers.get('x-request-id'),
  });
  if (outcome.kind === 'unknown_backend') expect(body['known']).toEqual(['s3/us-west-1']);
  // Only a client that waits sees the target of an origin's redirect.
  expect(response.headers.get('vary')).toBe(outcome.kind === 'unknown_backend' ? null : 'Prefer');
});

test('HEAD is answered like GET, without a body', async () => {
  const get = await answerTo(PRESENT);
  const head = await answerTo(PRESENT, { method: 'HEAD' });
  expect(frontend.cacheManager.requests.at(-1)?.method).toBe('HEAD');
  const compared = (response: Response) =>
    [...response.headers].filter(
      ([name]) => !['date', 'x-request-id', 'connection', 'keep-alive'].includes(name),
    );
  expect(compared(head)).toEqual(compared(get));
  expect(head.status).toBe(302);
  expect(await head.text()).toBe('');
  const { headers, body } = await rawRequest(
    frontend.address,
    `HEAD ${PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  );
  expect(Number(headers['content-length'])).toBeGreaterThan(0);
  expect(body).toBe('');
});

describe('the request to the cache manager', () => {
  const asked = async (path: string, headers: Record<string, string> = {}) => {
    frontend.cacheManager.decide = () => PRESENT;
    await frontend.fetch(path, { headers });
    return frontend.cacheManager.requests.at(-1);
  };

  test('has the normal form of the URL, and the request identifier', async () => {
    const request = await asked(redirectPath('HTTPS://Artifacts.Example.com:443/a/../b#c'), {
      'X-Request-Id': 'abc-1',
    });
    expect(request?.url.href).toBe('https://artifacts.example.com/b');
    expect(request).toMatchObject({ service: 's3', region: 'us-west-1', requestId: 'abc-1', method: 'GET' });
  });

  test('has the maximum wait by default', async () => {
    expect(await asked(PATH)).toMatchObject({ waitMs: 12_000, respondAsync: false, revalidate: false });
  });

  test('has the wait that the client prefers', async () => {
    expect(await asked(PATH, { Prefer: 'wait=0' })).toMatchObject({ waitMs: 0, respondAsync: false });
    expect(await asked(PATH, { Prefer: 'respond-async, wait=3' })).toMatchObject({
      waitMs: 3000,
      respondAsync: true,
    });
    expect(await asked(`${PATH}?wait=2&async=1`)).toMatchObject({ waitMs: 2000, respondAsync: true });
    expect(await asked(`${PATH}?wait=2`, { Prefer: 'wait=4' })).toMatchObject({ waitMs: 4000 });
  });

  test('asks for revalidation for Cache-Control: no-cache', async () => {
    expect(await asked(PATH, { 'Cache-Control': 'no-cache' })).toMatchObject({ revalidate: true });
  });

  test('has the same object for a raw slash in the path', async () => {
    const url = 'https://a.example/>>>???>??>?~~~?q=???';
    const raw = Buffer.from(url).toString('base64');
    expect(raw).toContain('/');
    expect((await asked(`/v1/redirect/s3/us-west-1/${raw}/x.whl`))?.url.href).toBe(new URL(url).href);
  });
});

test('Authorization and Range do not affect Location', async () => {
  frontend.cacheManager.decide = (request) => ({
    kind: 'origin',
    location: request.url.href,
    state: 'pending',
    reason: 'wait_over',
    message: '',
  });
  const response = await frontend.fetch(PATH, {
    headers: { Authorization: 'Bearer s3cret', Range: 'bytes=0-1' },
  });
  expect(response.status).toBe(302);
  expect(JSON.stringify([...response.headers])).not.toContain('s3cret');
  expect(response.headers.get('location')).toBe(ORIGIN_URL);
});

describe('a parameter that names no object', () => {
  test.each([
    ['/v1/redirect/s3/us-west-1/https://a.example/x.tar.gz', 400, 'url_not_encoded'],
    ['/v1/redirect/s3/us-west-1/!!!!', 400, 'url_not_decodable'],
    [redirectPath('ftp://a.example/'), 400, 'url_scheme'],
    [redirectPath(`https://a.example/${'x'.repeat(3000)}`), 414, 'url_too_long'],
    [redirectPath(`https://a.example/${'x'.repeat(40_000)}`), 414, 'url_too_long'],
    [redirectPath(`https://a.example/${'x'.repeat(200_000)}`), 414, 'url_too_long'],
    ['/v1/redirect/s3/us-west-1/', 400, 'url_missing'],
    ['/v1/redirect/s3/us-west-1', 400, 'url_missing'],
    ['/v1/redirect', 400, 'url_missing'],
  ])('%.60s', async (path, status, code) => {
    const response = await frontend.fetch(path);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await json(response);
    expect(body).toMatchObject({ status, code, requestId: response.headers.get('x-request-id') });
    expect(Object.keys(body).slice(0, 6)).toEqual(['type', 'title', 'status', 'detail', 'code', 'requestId']);
  });
});

describe('another method', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    '%s is a 405',
    async (method) => {
      for (const path of [PATH, '/v1/redirect/s3/nowhere/!!!', '/v1/redirect/s3']) {
        const answer = await rawRequest(
          frontend.address,
          `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        );
        expect(answer.status).toBe(405);
        expect(answer.headers['allow']).toBe('GET, HEAD');
        expect(answer.headers['content-type']).toBe('application/problem+json');
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'method_not_allowed' });
      }
    },
  );

  test.each(['get', 'BREW'])('%s, which does not exist, is a 405 too', async (method) => {
    const answer = await rawRequest(
      frontend.address,
      `${method} ${PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, HEAD');
    expect(answer.headers['x-request-id']).toBeTruthy();
  });
});

describe('an internal error', () => {
  const failing = () => {
    frontend.cacheManager.decide = () => {
      throw new Error('a defect at 10.0.0.7');
    };
  };

  test('redirects the client to the origin', async () => {
    failing();
    const response = await frontend.fetch(PATH);
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(ORIGIN_URL);
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; fwd=miss; detail=internal_error');
    expect(await response.text()).not.toContain('10.0.0.7');
    expect(frontend.log.some(({ err }) => JSON.stringify(err)?.includes('a defect'))).toBe(true);
  });

  test('does not redirect to sources that are not allowed', async () => {
    await using strict = await startFrontend({
      policy: { decide: () => ({ allowed: false, reason: 'no' }), identify: (url: URL) => url },
    });
    strict.cacheManager.decide = () => {
      throw new Error('a defect at 10.0.0.7');
    };
    const response = await strict.fetch(PATH);
    expect(response.status).toBe(500);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ code: 'internal_error' });
    expect(body).not.toMatch(/10\.0\.0\.7|at .*\.ts/);
  });
});

test('a client that disconnects aborts its wait', async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  frontend.cacheManager.decide = ({ signal }) => {
    asked.resolve(signal);
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    return promise;
  };
  const client = new AbortController();
  const request = frontend.fetch(redirectPath(`${ORIGIN_URL}?leaves`), { signal: client.signal });
  const signal = await asked.promise;
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
  client.abort();
  await expect(request).rejects.toThrow();
  await aborted;
});

test('an absolute request target is matched by its path', async () => {
  frontend.cacheManager.decide = () => PRESENT;
  const answer = await rawRequest(
    frontend.address,
    `GET http://mirror.example${PATH} HTTP/1.1\r\nHost: mirror.example\r\nConnection: close\r\n\r\n`,
  );
  expect(answer.status).toBe(302);
  expect(frontend.cacheManager.requests.at(-1)?.url.href).toBe(ORIGIN_URL);
});

test('the log names the object without its query', async () => {
  frontend.cacheManager.decide = () => PRESENT;
  const requestId = 'log-of-this-request';
  const url = `${ORIGIN_URL}?token=s3cret`;
  await frontend.fetch(redirectPath(url), { headers: { 'X-Request-Id': requestId } });
  await expect
    .poll(() => frontend.log.find((line) => line['requestId'] === requestId))
    .toMatchObject({
      msg: 'request',
      method: 'GET',
      route: 'redirect',
      outcome: 'hit',
      status: 302,
      service: 's3',
      region: 'us-west-1',
      host: 'artifacts.example.com',
      path: '/builds/1/app.tar.gz',
    });
  expect(JSON.stringify(frontend.log)).not.toContain('s3cret');
  expect(JSON.stringify(frontend.log)).not.toContain(base64url(url));
});
