import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { S3StorageProvider } from '../src/adapter.ts';
import { type ObjectHeaders } from '@cloud-mirror/storage-provider';
import type { Script, StoreAnswer, StoreRequest } from './scripted-store.ts';
import { errorAnswer, ScriptedStore } from './scripted-store.ts';
import { KEY_LAYOUT } from './key-layout.ts';

const KEY = 'https://origin.example.com/file';
const BYTES = Buffer.from('the bytes that were sent');
const md5 = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`;
const OTHER = Buffer.from('the bytes that were kept');

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

/** A store that stores `kept` of each payload, and reports it in the ETag of a PUT, and in HEAD and GET. */
interface Keeping {
  readonly kept?: (sent: Buffer) => Buffer;
  readonly etag?: (kept: Buffer) => string | undefined;
  readonly headers?: Record<string, string>;
}

function keeping({ kept = (sent) => sent, etag = md5, headers = {} }: Keeping): Script {
  const objects = new Map<string, { readonly bytes: Buffer; readonly sent: StoreRequest['headers'] }>();
  return ({ operation, key, body, headers: sent, method }): StoreAnswer | undefined => {
    if (operation === 'PutObject') objects.set(key, { bytes: kept(body), sent });
    else if (method !== 'HEAD' && method !== 'GET') return undefined;
    const object = objects.get(key);
    if (object === undefined) return { status: 404 };
    const tag = etag(object.bytes);
    const said = { ...(tag === undefined ? {} : { ETag: tag }), ...headers };
    const meta = Object.entries(object.sent).filter(([name]) => name.startsWith('x-amz-meta-'));
    if (operation === 'PutObject') return { status: 200, headers: said };
    return {
      status: 200,
      headers: {
        ...(Object.fromEntries(meta) as Record<string, string>),
        ...said,
        'Content-Length': String(object.bytes.length),
        'Last-Modified': new Date(0).toUTCString(),
      },
      body: object.bytes.toString(),
    };
  };
}

async function open(
  script: Script,
): Promise<{ store: ScriptedStore; put: (bytes?: Buffer, headers?: ObjectHeaders) => Promise<unknown> }> {
  const store = opened.use(await ScriptedStore.start(script));
  const provider = opened.use(
    new S3StorageProvider({
      bucket: 'copies',
      region: 'us-west-2',
      endpoint: store.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      access: 'signed',
      signedUrlSeconds: 60,
      lifespanDays: 1,
      keyLayout: KEY_LAYOUT,
      retryDelayMs: 1,
    }),
  );
  const put = (bytes: Buffer = BYTES, headers: ObjectHeaders = { contentType: 'a/b' }): Promise<unknown> =>
    provider.put(
      KEY,
      (async function* () {
        yield bytes;
      })(),
      {
        headers,
        sizeBytes: bytes.length,
        metadata: () => ({ 'upstream-content-length': String(bytes.length) }),
      },
    );
  return { store, put };
}

test('no request, direct or by the SDK, has a header that makes the store decode the payload', async () => {
  const { store, put } = await open(keeping({}));
  const headers = { contentType: 'multipart/form-data; boundary=x', contentEncoding: 'gzip, AWS-Chunked' };
  for (const contentEncoding of [headers.contentEncoding, headers.contentEncoding, 'aws-chunked'])
    await put(BYTES, { ...headers, contentEncoding });
  const sent = store.requests.map(({ headers: { 'content-encoding': coding, 'content-type': type } }) => [
    coding,
    type,
  ]);
  expect(sent).toEqual([
    ['gzip', 'application/octet-stream'],
    ['gzip', 'application/octet-stream'],
    [undefined, 'application/octet-stream'],
  ]);
});

const corrupt = { code: 'store_corrupt', retryable: true };

describe('the verification of a PUT', () => {
  test('needs no further request if the ETag is the MD5', async () => {
    const { store, put } = await open(keeping({}));
    await put();
    expect(store.requests.map(({ operation }) => operation)).toEqual(['PutObject']);
  });

  test.each<[string, Keeping]>([
    ['fewer bytes', { kept: () => Buffer.from('few') }],
    ['none', { kept: () => Buffer.alloc(0) }],
    [
      'fewer bytes, under an ETag that tells nothing',
      { kept: () => Buffer.from('few'), etag: () => '"x-1"' },
    ],
    ['fewer bytes, and no ETag', { kept: () => Buffer.from('few'), etag: () => undefined }],
    [
      'fewer bytes, encrypted by KMS',
      { kept: () => Buffer.from('few'), headers: { 'x-amz-server-side-encryption': 'aws:kms' } },
    ],
    ['other bytes of the same length', { kept: (sent) => (sent.length === 0 ? sent : OTHER) }],
  ])('fails if the store has %s', async (_what, script) => {
    const { put } = await open(keeping(script));
    await expect(put()).rejects.toMatchObject(corrupt);
  });

  test('fails if the store has no object', async () => {
    const { put } = await open(({ operation }) =>
      operation === 'PutObject' ? { status: 200 } : { status: 404 },
    );
    await expect(put()).rejects.toMatchObject(corrupt);
  });

  test('replaces an object with wrong bytes of the same length by an empty one', async () => {
    const { store, put } = await open(keeping({ kept: (sent) => (sent.length === 0 ? sent : OTHER) }));
    await expect(put()).rejects.toMatchObject(corrupt);
    const last = store.requests.at(-1);
    expect(last).toMatchObject({ operation: 'PutObject', key: KEY });
    expect(last?.body.length).toBe(0);
    expect(last?.headers).toMatchObject({
      'if-match': md5(OTHER),
      'x-amz-meta-upstream-content-length': String(BYTES.length),
    });
  });

  test.each<[string, Keeping]>([
    ['an ETag of parts', { etag: (kept) => `${md5(kept).slice(0, -1)}-1"` }],
    ['an ETag of another kind', { etag: () => '"whatever"' }],
    ['no ETag', { etag: () => undefined }],
    ['KMS', { etag: () => md5(OTHER), headers: { 'x-amz-server-side-encryption': 'aws:kms' } }],
    [
      'a key of the customer',
      { etag: () => md5(OTHER), headers: { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' } },
    ],
    ['ETags that look like MD5s', { etag: () => md5(OTHER) }],
  ])('succeeds if the ETag need not be an MD5: %s', async (_what, script) => {
    const { put } = await open(keeping(script));
    await put();
    await put(Buffer.alloc(0));
  });

  test('reads an object back only once if ETags look like MD5s but are not', async () => {
    const { store, put } = await open(keeping({ etag: () => md5(OTHER) }));
    for (let times = 0; times < 3; times += 1) await put();
    expect(store.count('GET')).toBe(1);
    expect(store.count('HeadObject')).toBe(3);
  });

  test('succeeds if the HEAD fails', async () => {
    const { put } = await open(({ operation }) =>
      operation === 'PutObject'
        ? { status: 200, headers: { ETag: '"whatever"' } }
        : errorAnswer(403, 'AccessDenied'),
    );
    await put();
  });

  test('succeeds if another writer has replaced the object', async () => {
    const { put } = await open(({ operation }) => ({
      status: 200,
      headers: { ETag: operation === 'PutObject' ? '"mine"' : '"another"', 'Content-Length': '0' },
    }));
    await put();
  });
});
