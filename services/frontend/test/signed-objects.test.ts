import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRoutedStores } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { countingHeaders, ObjectSigner } from '@cloud-mirror/routed-objects';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeBackend } from './support/fake-cache-manager.ts';
import { json, startFrontend, type FrontendUnderTest } from './support/frontend-under-test.ts';
import { rawRequest } from './support/raw-request.ts';

const STORE = 'local/here';
const TEXT_MD5 = 'HLJR7A1WjeapKbUgxK7Y0Q==';
const TEXT_ETAG = '"1cb251ec0d568de6a929b520c4aed8d1"';

const opened = new AsyncDisposableStack();
let folder: string;
let store: StorageProvider;
let frontend: FrontendUnderTest;
let signer: ObjectSigner | null = new ObjectSigner(Buffer.alloc(32, 5));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signed-objects-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const logger = createLogger({ level: 'silent', program: 'test', version: '0' });
  const service = {
    kind: 'filesystem',
    directory: folder,
    maxBytes: 50_000_000,
    regions: { here: {} },
  } as never;
  const stores = await openRoutedStores({ local: service }, logger, opened, {});
  store = stores.get(STORE) as StorageProvider;
  frontend = opened.use(
    await startFrontend({ backends: [fakeBackend(STORE, { store })], objectSigner: async () => signer }),
  );
});
afterAll(() => opened.disposeAsync());

interface Asked {
  readonly headers?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly seconds?: number;
}

function signed(method: string, key: string, { headers = {}, query = {}, seconds = 60 }: Asked = {}): string {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const asked = { method, store: STORE, key, query, headers: countingHeaders(lower) };
  return new ObjectSigner(Buffer.alloc(32, 5)).sign(asked, Math.floor(Date.now() / 1000) + seconds);
}

async function send(
  method: string,
  key: string,
  body?: string | Buffer,
  asked: Asked = {},
): Promise<Response> {
  return frontend.fetch(signed(method, key, asked), {
    method,
    ...(body === undefined ? {} : { body }),
    ...(asked.headers === undefined ? {} : { headers: asked.headers }),
  });
}

async function code(response: Response): Promise<string> {
  return `${response.status} ${String((await json(response))['code'])}`;
}

test('an object is put, read, listed by its ETag, and removed', async () => {
  const headers = { 'Content-Type': 'text/x-own', 'x-amz-meta-colour': 'blue', 'Content-MD5': TEXT_MD5 };
  const put = await send('PUT', 'dir/a b.txt', 'text', { headers });
  expect(put.status).toBe(200);
  expect(put.headers.get('etag')).toBe(TEXT_ETAG);
  const got = await send('GET', 'dir/a b.txt');
  expect(got.status).toBe(200);
  expect(await got.text()).toBe('text');
  expect(got.headers.get('content-type')).toBe('text/x-own');
  expect(got.headers.get('x-amz-meta-colour')).toBe('blue');
  const head = await send('HEAD', 'dir/a b.txt');
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    200,
    '4',
    TEXT_ETAG,
  ]);
  expect((await send('DELETE', 'dir/a b.txt')).status).toBe(204);
  expect(await code(await send('GET', 'dir/a b.txt'))).toBe('404 no_such_object');
  expect((await send('DELETE', 'dir/a b.txt')).status).toBe(204);
});

test('ranges, conditions and response-* parameters', async () => {
  await send('PUT', 'range', '0123456789');
  const range = await frontend.fetch(signed('GET', 'range'), { headers: { Range: 'bytes=2-4' } });
  expect([range.status, await range.text()]).toEqual([206, '234']);
  const etag = range.headers.get('etag') ?? '';
  const same = await frontend.fetch(signed('GET', 'range'), { headers: { 'If-None-Match': etag } });
  expect(same.status).toBe(304);
  const query = {
    'response-content-type': 'a/b',
    'response-content-disposition': 'attachment; filename="x"',
  };
  const shown = await send('GET', 'range', undefined, { query });
  expect(shown.headers.get('content-type')).toBe('a/b');
  expect(shown.headers.get('content-disposition')).toBe('attachment; filename="x"');
  expect(shown.headers.get('content-security-policy')).toContain('sandbox');
});

describe('only the signed request is answered', () => {
  test.each<[string, () => Promise<Response>, string]>([
    [
      'another method',
      () => frontend.fetch(signed('GET', 'range'), { method: 'DELETE' }),
      '403 signature_mismatch',
    ],
    ['HEAD for GET', () => frontend.fetch(signed('HEAD', 'range')), '403 signature_mismatch'],
    [
      'another key',
      () => frontend.fetch(signed('GET', 'range').replace('range', 'other')),
      '403 signature_mismatch',
    ],
    [
      'one more header',
      () => frontend.fetch(signed('GET', 'range'), { headers: { 'x-amz-meta-a': '1' } }),
      '403 signature_mismatch',
    ],
    ['too late', () => frontend.fetch(signed('GET', 'range', { seconds: -1 })), '403 signature_expired'],
    [
      'without a signature',
      () => frontend.fetch(signed('GET', 'range').split('?')[0] ?? ''),
      '404 no_such_object',
    ],
    [
      'by the address of a copy',
      () =>
        frontend.fetch(`/v1/objects/${STORE}/${createHash('sha256').update('routed/RANGE').digest('hex')}`),
      '404 no_such_object',
    ],
  ])('%s', async (_what, ask, expected) => {
    await send('PUT', 'range', '0123456789');
    await send('PUT', 'RANGE', '0123456789');
    expect(await code(await ask())).toBe(expected);
  });

  test('nothing is answered while there is no key', async () => {
    const before = signer;
    signer = null;
    expect(await code(await send('GET', 'range'))).toBe('403 signature_mismatch');
    signer = before;
  });
});

describe('a body that does not match is refused whole', () => {
  test.each<[string, Record<string, string>, string]>([
    ['Content-MD5', { 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, '400 checksum_mismatch'],
    ['Content-MD5 in hex', { 'Content-MD5': '1cb251ec0d568de6a929b520c4aed8d1' }, '400 checksum_malformed'],
    ['SHA-1', { 'x-amz-checksum-sha1': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, '400 checksum_mismatch'],
    ['SHA-256', { 'x-amz-checksum-sha256': Buffer.alloc(32).toString('base64') }, '400 checksum_mismatch'],
    ['CRC-32', { 'x-amz-checksum-crc32': 'AAAAAA==' }, '400 checksum_mismatch'],
    ['CRC-32C', { 'x-amz-checksum-crc32c': 'AAAAAA==' }, '400 checksum_mismatch'],
    ['CRC-64/NVME', { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' }, '400 checksum_mismatch'],
    ['an unknown checksum', { 'x-amz-checksum-xyz': 'AAAA' }, '400 checksum_malformed'],
    ['the hash of the payload', { 'x-amz-content-sha256': 'a'.repeat(64) }, '400 checksum_mismatch'],
  ])('%s', async (_what, headers, expected) => {
    expect(await code(await send('PUT', 'refused', 'text', { headers }))).toBe(expected);
    expect((await send('GET', 'refused')).status).toBe(404);
    expect(await readdir(join(folder, 'here', 'temporary'))).toEqual([]);
  });

  test.each([
    ['x-amz-checksum-sha1', createHash('sha1').update('text').digest('base64')],
    ['x-amz-checksum-sha256', createHash('sha256').update('text').digest('base64')],
    // The check values of these algorithms are those of the text 123456789.
    ['x-amz-checksum-crc32', Buffer.from('cbf43926', 'hex').toString('base64')],
    ['x-amz-checksum-crc32c', Buffer.from('e3069283', 'hex').toString('base64')],
    ['x-amz-checksum-crc64nvme', Buffer.from('ae8b14860a799888', 'hex').toString('base64')],
  ])('%s that matches is taken', async (name, value) => {
    const body = name.includes('crc') ? '123456789' : 'text';
    expect((await send('PUT', 'taken', body, { headers: { [name]: value } })).status).toBe(200);
  });

  test('a body that is cut off leaves the old object', async () => {
    await send('PUT', 'cut', 'old');
    const { address } = frontend;
    await new Promise<void>((resolve) => {
      const sent = httpRequest(address + signed('PUT', 'cut'), {
        method: 'PUT',
        headers: { 'Content-Length': 1_000_000 },
      });
      sent.on('error', () => resolve());
      sent.write(Buffer.alloc(1000), () => sent.destroy());
    });
    await expect.poll(async () => readdir(join(folder, 'here', 'temporary'))).toEqual([]);
    expect(await (await send('GET', 'cut')).text()).toBe('old');
  });
});

test('a chunked body of unknown length is stored', async () => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from('te'));
      controller.enqueue(Buffer.from('xt'));
      controller.close();
    },
  });
  const init = { method: 'PUT', body, duplex: 'half' } as RequestInit;
  const put = await frontend.fetch(signed('PUT', 'chunked'), init);
  expect(put.headers.get('etag')).toBe(TEXT_ETAG);
});

test('objects over the limits are refused before their body', async () => {
  const huge = `PUT ${signed('PUT', 'huge')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000000000\r\nExpect: 100-continue\r\n\r\n`;
  expect((await rawRequest(frontend.address, huge)).status).toBe(413);
  const full = huge.replace('6000000000', '60000000');
  expect((await rawRequest(frontend.address, full)).status).toBe(507);
});

test('100 Continue is sent only after the signature was verified', async () => {
  const head = (address: string) =>
    `PUT ${address} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
  const wrong = signed('GET', 'expected');
  expect((await rawRequest(frontend.address, head(wrong))).status).toBe(403);
  const right = await rawRequest(frontend.address, `${head(signed('PUT', 'expected'))}text`);
  expect(right.status).toBe(100);
  expect(right.body).toMatch(/^HTTP\/1\.1 200 /);
});

test('If-None-Match: * stores new objects only', async () => {
  const headers = { 'If-None-Match': '*' };
  expect((await send('PUT', 'new', 'one', { headers })).status).toBe(200);
  expect(await code(await send('PUT', 'new', 'two', { headers }))).toBe('412 store_exists');
  expect(await (await send('GET', 'new')).text()).toBe('one');
});

describe('uploads in parts', () => {
  const sendPart = (key: string, uploadId: string, number: number, body: string) =>
    send('PUT', key, body, { query: { partNumber: String(number), uploadId } });

  async function begin(key: string, headers: Record<string, string> = {}): Promise<string> {
    const begun = await send('POST', key, undefined, { query: { uploads: '' }, headers });
    return /<UploadId>([^<]+)</.exec(await begun.text())?.[1] ?? '';
  }

  function completion(parts: readonly (readonly [number, string])[]): string {
    const xml = parts.map(([n, etag]) => `<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag></Part>`);
    return `<CompleteMultipartUpload>${xml.join('')}</CompleteMultipartUpload>`;
  }

  test('an object is made of its parts, with the headers of its begin', async () => {
    const uploadId = await begin('parts', { 'Content-Type': 'a/b', 'x-amz-meta-colour': 'red' });
    const two = (await sendPart('parts', uploadId, 2, 'world')).headers.get('etag') ?? '';
    const one = (await sendPart('parts', uploadId, 1, 'hello ')).headers.get('etag') ?? '';
    const listed = await (await send('GET', 'parts', undefined, { query: { uploadId } })).text();
    expect(listed).toMatch(/<PartNumber>1<.*<Size>6<.*<PartNumber>2<.*<Size>5</s);
    expect((await send('GET', 'parts')).status).toBe(404);
    const body = completion([
      [1, one],
      [2, two],
    ]);
    expect((await send('POST', 'parts', body, { query: { uploadId } })).status).toBe(200);
    const got = await send('GET', 'parts');
    expect(await got.text()).toBe('hello world');
    expect(got.headers.get('content-type')).toBe('a/b');
    expect(got.headers.get('x-amz-meta-colour')).toBe('red');
    expect(got.headers.get('etag')).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(await code(await send('GET', 'parts', undefined, { query: { uploadId } }))).toBe(
      '404 no_such_upload',
    );
  });

  test.each<[string, (etag: string) => readonly (readonly [number, string])[]]>([
    ['another ETag', () => [[1, TEXT_ETAG]]],
    [
      'a missing part',
      (etag) => [
        [1, etag],
        [2, etag],
      ],
    ],
    [
      'the wrong order',
      (etag) => [
        [1, etag],
        [1, etag],
      ],
    ],
    ['no part', () => []],
  ])('%s is refused, and the upload goes on', async (what, named) => {
    const key = `wrong ${what}`;
    const uploadId = await begin(key);
    const etag = (await sendPart(key, uploadId, 1, 'one')).headers.get('etag') ?? '';
    const query = { uploadId };
    expect(await code(await send('POST', key, completion(named(etag)), { query }))).toBe('400 part_invalid');
    expect((await send('GET', key)).status).toBe(404);
    expect((await send('POST', key, completion([[1, etag]]), { query })).status).toBe(200);
  });

  test('an upload belongs to its key, and ends without a trace', async () => {
    const uploadId = await begin('ended');
    await sendPart('ended', uploadId, 1, 'one');
    expect(await code(await sendPart('other', uploadId, 1, 'one'))).toBe('404 no_such_upload');
    expect((await send('DELETE', 'ended', undefined, { query: { uploadId } })).status).toBe(204);
    expect(await code(await sendPart('ended', uploadId, 2, 'two'))).toBe('404 no_such_upload');
    const left: string[] = [];
    for await (const { key } of store.list(`routed-uploads/${uploadId}`)) left.push(key);
    expect(left).toEqual([]);
  });

  test.each(['', '../record', 'a'.repeat(32)])('the uploadId %j is unknown', async (uploadId) => {
    expect(await code(await sendPart('x', uploadId, 1, 'one'))).toBe('404 no_such_upload');
  });
});
