import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer, type Script, type StoreRequest } from './scripted-store.ts';

const KEY = "https://origin.example.com/a b/ü(1)*!'.zst?x=1&y=%2F";
const HEADERS = {
  'Content-Length': '1234',
  ETag: '"e-7"',
  'Last-Modified': 'Tue, 03 Nov 2026 04:05:06 GMT',
  'Content-Type': 'application/zstd',
  'Content-Encoding': 'gzip',
  'Content-Disposition': 'attachment; filename="a.zst"',
  'Content-Language': 'de',
  'x-amz-expiration': 'expiry-date="Fri, 06 Nov 2026 00:00:00 GMT", rule-id="NotImplemented"',
  'x-amz-meta-sha256': 'ab'.repeat(32),
  'x-amz-meta-generation': 'Zk3_-9',
};

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(script: Script, options: Partial<S3StorageProviderOptions> = {}) {
  const { store, provider } = await openScripted(opened, script, options);
  const heads = () => store.requests.filter(({ operation }) => operation === 'HeadObject');
  return { provider, heads, withoutSdk: () => heads().filter(isSignedInQuery).length };
}

function isSignedInQuery({ query, headers }: StoreRequest): boolean {
  return query.has('X-Amz-Signature') && headers['authorization'] === undefined;
}

describe('a HEAD after the first one', () => {
  test('is direct and returns the same as through the SDK', async () => {
    const { provider, heads, withoutSdk } = await open(() => ({ status: 200, headers: HEADERS }));
    const bySdk = await provider.head(KEY);
    expect(withoutSdk()).toBe(0);
    expect(bySdk).toMatchObject({ sizeBytes: 1234, etag: '"e-7"', metadata: { generation: 'Zk3_-9' } });
    expect(bySdk?.expiresAt?.toISOString()).toBe('2026-11-06T00:00:00.000Z');
    expect(await provider.head(KEY)).toEqual(bySdk);
    expect(withoutSdk()).toBe(1);
    const [first, second] = heads();
    expect(second?.key).toBe(first?.key);
  });

  test('is direct for an absent object too', async () => {
    const { provider, heads, withoutSdk } = await open(() => ({ status: 404 }));
    for (let time = 1; time <= 3; time += 1) expect(await provider.head(KEY)).toBeNull();
    expect([heads().length, withoutSdk()]).toEqual([3, 2]);
  });

  test.each([
    ['403', errorAnswer(403, 'AccessDenied'), 'store_forbidden'],
    ['503', errorAnswer(503, 'SlowDown'), 'store_unavailable'],
    ['301', { status: 301, headers: { 'x-amz-bucket-region': 'eu-central-1' } }, 'store_rejected'],
    ['a connection that breaks', 'reset' as const, 'store_unavailable'],
  ])('is repeated by the SDK after %s, which determines the error', async (_what, answer, code) => {
    let broken = false;
    const { provider, withoutSdk } = await open(() => (broken ? answer : { status: 404 }));
    await provider.head(KEY);
    broken = true;
    await expect(provider.head(KEY)).rejects.toMatchObject({ code });
    expect(withoutSdk()).toBe(1);
  });

  test('goes through the SDK if the store answers only the SDK', async () => {
    const { provider, heads, withoutSdk } = await open((request) =>
      isSignedInQuery(request) ? errorAnswer(403, 'AccessDenied') : { status: 404 },
    );
    for (let time = 1; time <= 4; time += 1) expect(await provider.head(KEY)).toBeNull();
    expect([heads().length, withoutSdk()]).toEqual([5, 1]);
  });

  test('goes through the SDK if the clocks differ, which corrects its clock', async () => {
    const { provider, heads, withoutSdk } = await open(() => ({
      status: 404,
      headers: { Date: new Date(Date.now() + 3_600_000).toUTCString() },
    }));
    await provider.head(KEY);
    await provider.head(KEY);
    expect(heads().length).toBeGreaterThan(withoutSdk());
  });

  test('ends with its signal', async () => {
    let silent = false;
    const { provider } = await open(() => (silent ? 'hang' : { status: 404 }));
    await provider.head(KEY);
    silent = true;
    const stop = new AbortController();
    const asking = provider.head(KEY, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
  });

  test('fails after its time limit if the store does not answer', async () => {
    let silent = false;
    const { provider } = await open(() => (silent ? 'hang' : { status: 404 }), {
      requestTimeoutMs: 200,
      maxAttempts: 1,
    });
    await provider.head(KEY);
    silent = true;
    await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
