import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { fakeBackend } from './support/fake-cache-manager.ts';
import { json, startFrontend } from './support/frontend-under-test.ts';
import type { FrontendUnderTest } from './support/frontend-under-test.ts';
import { LocalStore } from './support/local-store.ts';

const BYTES = Buffer.from('0123456789'.repeat(30_000));
const SHA256 = createHash('sha256').update(BYTES).digest();
const NAME = 'c'.repeat(64);
const EMPTY_NAME = 'e'.repeat(64);
const ORIGIN_NAME = 'a'.repeat(64);
const LATER_NAME = 'b'.repeat(64);
const ETAG = '"one"';
const STORED_AT = new Date('2026-03-01T10:20:30.456Z');
const PATH = `/v1/objects/local/here/${NAME}`;

const store = new LocalStore();
store.objects.set(NAME, {
  bytes: BYTES,
  object: {
    sizeBytes: BYTES.length,
    etag: ETAG,
    storedAt: STORED_AT,
    expiresAt: null,
    headers: {
      contentType: 'text/html; charset=utf-8',
      contentEncoding: 'gzip',
      contentDisposition: 'attachment; filename="\xfcber.gz"',
      contentLanguage: 'de',
    },
    metadata: { sha256: SHA256.toString('hex') },
  },
});
store.objects.set(EMPTY_NAME, {
  bytes: Buffer.alloc(0),
  object: {
    sizeBytes: 0,
    etag: null,
    storedAt: STORED_AT,
    expiresAt: null,
    headers: { contentType: 'application/octet-stream', contentDisposition: 'a\r\nb' },
    metadata: {},
  },
});
store.objects.set(ORIGIN_NAME, {
  bytes: BYTES,
  object: {
    sizeBytes: BYTES.length,
    etag: ETAG,
    storedAt: STORED_AT,
    expiresAt: null,
    headers: {
      contentType: 'text/plain',
      contentEncoding: 'gzip, aws-chunked',
      cacheControl: 'public, max-age=86400',
      expires: 'Mon, 01 Mar 2027 10:00:00 GMT',
    },
    metadata: { 'upstream-last-modified': 'Sun, 01 Feb 2026 08:00:00 GMT' },
  },
});
store.objects.set(LATER_NAME, {
  bytes: BYTES,
  object: {
    sizeBytes: BYTES.length,
    etag: ETAG,
    storedAt: STORED_AT,
    expiresAt: null,
    headers: { contentType: 'text/plain', contentEncoding: 'aws-chunked' },
    metadata: { 'upstream-last-modified': 'Sun, 01 Feb 2099 08:00:00 GMT' },
  },
});

let frontend: FrontendUnderTest;
beforeAll(async () => {
  frontend = await startFrontend({
    backends: [fakeBackend('local/here', { store: store.asStore() }), fakeBackend('s3/us-west-1')],
  });
});
afterAll(() => frontend[Symbol.asyncDispose]());

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Does not decode the body, unlike `fetch`. */
async function get(headers: Record<string, string> = {}, path = PATH, method = 'GET'): Promise<Answer> {
  const asked = request(frontend.address + path, { method, headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

test('a copy is served as stored, with the headers of the origin', async () => {
  const { status, headers, body } = await get({ 'Accept-Encoding': 'identity' });
  expect(status).toBe(200);
  expect(body.equals(BYTES)).toBe(true);
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-encoding': 'gzip',
    'content-disposition': 'attachment; filename="\xfcber.gz"',
    'content-language': 'de',
    'content-length': String(BYTES.length),
    'accept-ranges': 'bytes',
    etag: ETAG,
    'last-modified': 'Sun, 01 Mar 2026 10:20:30 GMT',
    'repr-digest': `sha-256=:${SHA256.toString('base64')}:`,
    'cache-control': 'private, no-cache',
  });
  expect(store.opened).toBe(0);
});

describe("a copy with its origin's Last-Modified", () => {
  const path = `/v1/objects/local/here/${ORIGIN_NAME}`;

  test('is served with that date, and with the stored caching and coding headers', async () => {
    const { headers } = await get({}, path);
    expect(headers).toMatchObject({
      'last-modified': 'Sun, 01 Feb 2026 08:00:00 GMT',
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=86400',
      expires: 'Mon, 01 Mar 2027 10:00:00 GMT',
    });
  });

  test.each([
    ['If-Modified-Since', 'Sun, 01 Feb 2026 08:00:00 GMT', 304],
    ['If-Modified-Since', 'Sun, 01 Feb 2026 07:59:59 GMT', 200],
    ['If-Unmodified-Since', 'Sun, 01 Feb 2026 08:00:00 GMT', 200],
    ['If-Unmodified-Since', 'Sun, 01 Feb 2026 07:59:59 GMT', 412],
  ])('with %s: %s is a %i', async (name, date, status) => {
    expect((await get({ [name]: date }, path)).status).toBe(status);
  });

  test('ignores an If-Range with that date, which two versions may share', async () => {
    const ask = { Range: 'bytes=0-1', 'If-Range': 'Sun, 01 Feb 2026 08:00:00 GMT' };
    expect((await get(ask, path)).status).toBe(200);
    expect((await get({ ...ask, 'If-Range': ETAG }, path)).status).toBe(206);
  });

  test('in the future is served with the date of the copy', async () => {
    const { headers } = await get({}, `/v1/objects/local/here/${LATER_NAME}`);
    expect(headers['last-modified']).toBe('Sun, 01 Mar 2026 10:20:30 GMT');
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers['cache-control']).toBe('private, no-cache');
  });
});

test('a copy is sandboxed, since strangers control its bytes', async () => {
  const { headers } = await get();
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['content-security-policy']).toContain('sandbox');
});

test('HEAD has the headers of GET and reads nothing', async () => {
  const before = store.bytesRead;
  const { status, headers, body } = await get({ Range: 'bytes=0-1' }, PATH, 'HEAD');
  expect(status).toBe(200);
  expect(headers['content-length']).toBe(String(BYTES.length));
  expect(body.length).toBe(0);
  expect(store.bytesRead).toBe(before);
});

test('an empty copy is served, without headers that are invalid', async () => {
  const { status, headers, body } = await get({}, `/v1/objects/local/here/${EMPTY_NAME}`);
  expect([status, headers['content-length'], body.length]).toEqual([200, '0', 0]);
  expect(headers['content-disposition']).toBeUndefined();
  expect(headers.etag).toBeUndefined();
  expect((await get({ Range: 'bytes=0-' }, `/v1/objects/local/here/${EMPTY_NAME}`)).status).toBe(416);
});

describe('a range', () => {
  test.each([
    ['bytes=0-9', 0, 10],
    ['bytes=5-5', 5, 6],
    ['bytes=299990-', 299_990, 300_000],
    ['bytes=299990-999999999', 299_990, 300_000],
    ['bytes=-10', 299_990, 300_000],
    ['bytes=-999999999', 0, 300_000],
    ['BYTES=0-0', 0, 1],
  ])('%s', async (range, start, end) => {
    const { status, headers, body } = await get({ Range: range });
    expect(status).toBe(206);
    expect(headers['content-range']).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(headers['content-length']).toBe(String(end - start));
    expect(body.equals(BYTES.subarray(start, end))).toBe(true);
  });

  test.each(['bytes=300000-', 'bytes=300000-300001', 'bytes=-0', 'bytes=99999999999999999999-'])(
    '%s begins after the end',
    async (range) => {
      const { status, headers, body } = await get({ Range: range });
      expect(status).toBe(416);
      expect(headers['content-range']).toBe('bytes */300000');
      expect(headers['content-type']).toBe('application/problem+json');
      expect(headers['content-encoding']).toBeUndefined();
      expect(JSON.parse(body.toString())).toMatchObject({ code: 'range_not_satisfiable' });
    },
  );

  test.each(['bytes=2-1', 'bytes=-', 'bytes=a-b', 'bytes', 'lines=0-1', 'bytes=0-1,5-6', 'bytes=0-1 2'])(
    '%s is ignored',
    async (range) => {
      expect((await get({ Range: range })).status).toBe(200);
    },
  );

  test.each([
    [ETAG, 206],
    ['"two"', 200],
    [`W/${ETAG}`, 200],
    ['Sun, 01 Mar 2026 10:20:30 GMT', 206],
    ['Sun, 01 Mar 2026 10:20:31 GMT', 200],
    ['yesterday', 200],
  ])('with If-Range: %s is a %i', async (ifRange, status) => {
    expect((await get({ Range: 'bytes=0-1', 'If-Range': ifRange })).status).toBe(status);
  });
});

describe('a condition', () => {
  test.each<[Record<string, string>, number]>([
    [{ 'If-None-Match': ETAG }, 304],
    [{ 'If-None-Match': `W/${ETAG}` }, 304],
    [{ 'If-None-Match': `"zero", ${ETAG}` }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"two"' }, 200],
    [{ 'If-Modified-Since': 'Sun, 01 Mar 2026 10:20:30 GMT' }, 304],
    [{ 'If-Modified-Since': 'Sun, 01 Mar 2026 10:20:29 GMT' }, 200],
    [{ 'If-Modified-Since': 'some day' }, 200],
    [{ 'If-None-Match': '"two"', 'If-Modified-Since': 'Sun, 01 Mar 2026 10:20:30 GMT' }, 200],
    [{ 'If-Match': ETAG }, 200],
    [{ 'If-Match': '"two"' }, 412],
    [{ 'If-Unmodified-Since': 'Sun, 01 Mar 2026 10:20:29 GMT' }, 412],
    [{ 'If-Unmodified-Since': 'Sun, 01 Mar 2026 10:20:30 GMT' }, 200],
  ])('%j: %i', async (headers, status) => {
    const answer = await get(headers);
    expect(answer.status).toBe(status);
    if (status === 304) {
      expect(answer.headers.etag).toBe(ETAG);
      expect(answer.headers['content-type']).toBeUndefined();
      expect(answer.body.length).toBe(0);
    }
  });
});

test.each([
  `/v1/objects/local/here/${'d'.repeat(64)}`,
  '/v1/objects/local/here/..%2F..%2Fetc%2Fpasswd',
  '/v1/objects/local/here/.',
  '/v1/objects/local/here/named.purged.x',
  `/v1/objects/s3/us-west-1/${NAME}`,
  `/v1/objects/local/there/${NAME}`,
])('%s: 404', async (path) => {
  const response = await frontend.fetch(path);
  expect(response.status).toBe(404);
  expect(await json(response)).toHaveProperty('requestId');
});

test('the file is read no faster than the client reads, and closed if it disconnects', async () => {
  const large = new LocalStore();
  const bytes = Buffer.alloc(64 * 1024 * 1024);
  const { object } = store.objects.get(NAME) ?? expect.fail();
  large.objects.set(NAME, { bytes, object: { ...object, sizeBytes: bytes.length } });
  await using slow = await startFrontend({
    backends: [fakeBackend('local/here', { store: large.asStore() })],
  });
  const asked = request(`${slow.address}${PATH}`).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  await once(response, 'readable');
  response.destroy();
  await large.closed.promise;
  expect(large.opened).toBe(0);
  expect(large.bytesRead).toBeLessThan(bytes.length / 2);
});

test('a copy that cannot be read completely closes the connection', async () => {
  const broken = new LocalStore(1024);
  const { object, bytes } = store.objects.get(NAME) ?? expect.fail();
  broken.objects.set(NAME, { object, bytes });
  broken.failAfterBytes = 8 * 1024;
  await using frontendOfBroken = await startFrontend({
    backends: [fakeBackend('local/here', { store: broken.asStore() })],
  });
  const asked = request(frontendOfBroken.address + PATH).end();
  const received = once(asked, 'response').then(async ([response]) => {
    for await (const _chunk of response as IncomingMessage);
  });
  await expect(received).rejects.toThrow();
  expect(broken.opened).toBe(0);
  expect(frontendOfBroken.log.some(({ msg }) => msg === 'reading a copy failed')).toBe(true);
});

test('a download is cut if the store withdraws the copy, even if its client reads nothing', async () => {
  const withdrawing = new LocalStore();
  const bytes = Buffer.alloc(64 * 1024 * 1024);
  const { object } = store.objects.get(NAME) ?? expect.fail();
  withdrawing.objects.set(NAME, { bytes, object: { ...object, sizeBytes: bytes.length } });
  await using frontendOfIt = await startFrontend({
    backends: [fakeBackend('local/here', { store: withdrawing.asStore() })],
  });
  const asked = request(frontendOfIt.address + PATH).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.once('error', () => undefined);
  withdrawing.withdrawal.abort(new StorageError('store_full', 'the bytes are needed'));
  await withdrawing.closed.promise;
  await expect
    .poll(() => frontendOfIt.log.find(({ msg }) => msg === 'request'))
    .toMatchObject({ outcome: 'object_removed', status: 200 });
  response.destroy();
});
