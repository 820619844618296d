import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PutOptions } from '@cloud-mirror/storage-provider';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer, type Script, type StoreRequest } from './scripted-store.ts';

const KEY = "https://origin.example.com/a b/../ü(1)*!'.zst?x=/../1&y=%2F";
const OPTIONS: PutOptions = {
  sizeBytes: 5,
  ifNoneMatch: '*',
  headers: {
    contentType: 'text/plain;  charset=utf-8',
    contentEncoding: 'gzip',
    contentDisposition: 'attachment; filename="ü.txt"',
    contentLanguage: 'de',
  },
  metadata: () => ({ url: 'https://origin.example.com/ü', sha256: 'ab'.repeat(32), empty: '' }),
};
/** Headers that only the SDK sends, and that do not affect the object. */
const SDK_ONLY = new Set(['amz-sdk-invocation-id', 'amz-sdk-request', 'user-agent', 'x-amz-user-agent']);

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(script: Script, options: Partial<S3StorageProviderOptions> = {}) {
  const { store, provider } = await openScripted(opened, script, options);
  const put = (more: Partial<PutOptions> = {}, bytes = Buffer.from('bytes')) =>
    provider.put(KEY, bodyOf(bytes), { ...OPTIONS, sizeBytes: bytes.length, ...more });
  const puts = () => store.requests.filter(({ operation }) => operation === 'PutObject');
  return { store, provider, put, puts, withoutSdk: () => puts().filter((one) => !isSdks(one)).length };
}

async function* bodyOf(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

function isSdks({ headers }: StoreRequest): boolean {
  return headers['amz-sdk-invocation-id'] !== undefined;
}

/** The headers about the object, and which of them are signed. */
function saidIn({ headers, body, key }: StoreRequest): object {
  const said = Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !SDK_ONLY.has(name) && name !== 'authorization' && name !== 'x-amz-date',
    ),
  );
  const signed = /SignedHeaders=([^,]*)/.exec(headers['authorization'] ?? '')?.[1]?.split(';') ?? [];
  return { said, body, key, signed: signed.filter((name) => !SDK_ONLY.has(name)).sort() };
}

describe('a PUT of a small object after the first one', () => {
  test.each(['when_supported', 'when_required'] as const)(
    'goes without the SDK, and says and signs the same (checksums %s)',
    async (checksums) => {
      const answer = { status: 200, headers: { ETag: '"e"', 'x-amz-expiration': EXPIRATION } };
      const { put, puts, withoutSdk } = await open(() => answer, { checksums });
      const bySdk = await put();
      expect(withoutSdk()).toBe(0);
      expect(await put()).toMatchObject({ etag: '"e"', expiresAt: bySdk.expiresAt, sizeBytes: 5 });
      expect(bySdk.expiresAt?.toISOString()).toBe('2026-11-06T00:00:00.000Z');
      expect(withoutSdk()).toBe(1);
      const [first, second] = puts();
      if (first === undefined || second === undefined) throw new Error('not sent');
      expect(saidIn(second)).toEqual(saidIn(first));
    },
  );

  test('goes through the SDK if it is large', async () => {
    const { put, withoutSdk } = await open(() => ({ status: 200, headers: { ETag: '"e"' } }));
    await put();
    await put({}, Buffer.alloc(262_145));
    expect(withoutSdk()).toBe(0);
    await put({}, Buffer.alloc(262_144));
    expect(withoutSdk()).toBe(1);
  });

  test('goes through the SDK if it may be sent only once', async () => {
    let broken = false;
    const { put, puts } = await open(() => (broken ? 'reset' : { status: 200, headers: { ETag: '"e"' } }));
    await put();
    broken = true;
    await expect(put({ attempts: 1 })).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(puts()).toHaveLength(2);
  });

  test.each([
    ['412', errorAnswer(412, 'PreconditionFailed'), 'store_exists'],
    ['403', errorAnswer(403, 'AccessDenied'), 'store_forbidden'],
    ['503', errorAnswer(503, 'SlowDown'), 'store_unavailable'],
    ['507', errorAnswer(507, 'InsufficientStorage'), 'store_full'],
    ['200 with an error', errorAnswer(200, 'InternalError'), 'store_unavailable'],
    ['a connection that breaks', 'reset' as const, 'store_unavailable'],
  ])('is repeated by the SDK after %s, which determines the error', async (_what, answer, code) => {
    let broken = false;
    const { put, withoutSdk } = await open(() =>
      broken ? answer : { status: 200, headers: { ETag: '"e"' } },
    );
    await put();
    broken = true;
    await expect(put()).rejects.toMatchObject({ code });
    expect(withoutSdk()).toBe(1);
  });

  test('goes through the SDK if the store answers only the SDK', async () => {
    const { put, puts, withoutSdk } = await open((request) =>
      isSdks(request) ? { status: 200, headers: { ETag: '"e"' } } : errorAnswer(403, 'AccessDenied'),
    );
    for (let time = 1; time <= 4; time += 1) await put();
    expect([puts().length, withoutSdk()]).toEqual([5, 1]);
  });

  test('ends when its answer stalls, and closes the connection', async () => {
    let stalls = false;
    const { put, puts, store } = await open(
      () => (stalls ? { status: 200, stalledBody: '<' } : { status: 200, headers: { ETag: '"e"' } }),
      { requestTimeoutMs: 200, maxAttempts: 1 },
    );
    await put();
    stalls = true;
    await expect(put()).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(puts()).toHaveLength(2);
    await vi.waitFor(async () => expect(await store.connections()).toBe(0), 20_000);
  });

  test('ends with its signal', async () => {
    let silent = false;
    const { put } = await open(() => (silent ? 'hang' : { status: 200, headers: { ETag: '"e"' } }));
    await put();
    silent = true;
    const stop = new AbortController();
    const putting = put({ signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(putting).rejects.toThrow('enough');
  });
});

const EXPIRATION = 'expiry-date="Fri, 06 Nov 2026 00:00:00 GMT", rule-id="NotImplemented"';
