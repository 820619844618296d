import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { profileText, useCredentialsFile } from '@cloud-mirror/testing/credentials-file';
import type { CredentialsFile } from '@cloud-mirror/testing/credentials-file';
import type { S3StorageProvider } from '../src/adapter.ts';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer } from './scripted-store.ts';
import type { StoreAnswer, StoreRequest } from './scripted-store.ts';
import { listed, put } from '@cloud-mirror/storage-provider/contract';

const KEY = 'https://origin.example.com/file';

let opened: AsyncDisposableStack;
let file: CredentialsFile;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  file = opened.use(await useCredentialsFile(profileText('default', 'old')));
});
afterEach(() => opened.disposeAsync());

/** The access key that signed a request, in a header or in the query. */
function keyOf({ headers, query }: StoreRequest): string {
  const credential =
    query.get('X-Amz-Credential') ?? /Credential=([^,]*)/.exec(headers['authorization'] ?? '')?.[1];
  return credential?.split('/')[0] ?? 'none';
}

/** A store that accepts only one access key, and a credentials file. */
async function open(refusal: StoreAnswer) {
  const taken = { key: 'old' };
  const { store, provider } = await openScripted(
    opened,
    (request) => (keyOf(request) === taken.key ? undefined : refusal),
    { credentials: undefined, access: 'signed' },
  );
  const rotate = async (): Promise<void> => {
    taken.key = 'new';
    await file.write(profileText('default', 'new'));
  };
  return { store, provider, rotate, taken };
}

const CALLS: readonly (readonly [string, (provider: S3StorageProvider) => Promise<unknown>])[] = [
  ['HEAD', (provider) => provider.head(KEY)],
  ['PUT', (provider) => put(provider, KEY, Buffer.from('x'))],
  ['PUT that may be sent once', (provider) => put(provider, KEY, Buffer.from('x'), { attempts: 1 })],
  ['DELETE', (provider) => provider.delete(KEY)],
  ['LIST', (provider) => listed(provider, 'g/')],
  ['HEAD of the bucket', (provider) => provider.check()],
];

describe('after the credentials file was rewritten', () => {
  for (const [name, call] of CALLS)
    test.each([
      ['400 ExpiredToken', errorAnswer(400, 'ExpiredToken')],
      ['400 InvalidToken', errorAnswer(400, 'InvalidToken')],
      ['403 InvalidAccessKeyId', errorAnswer(403, 'InvalidAccessKeyId')],
      ['400 TokenRefreshRequired', errorAnswer(400, 'TokenRefreshRequired')],
    ])(`${name} succeeds at once if %s refuses the old credentials`, async (_refusal, answer) => {
      const { provider, rotate } = await open(answer);
      await call(provider);
      await rotate();
      await call(provider);
    });

  test('direct calls use the new credentials and stay direct', async () => {
    const { store, provider, rotate } = await open(errorAnswer(400, 'ExpiredToken'));
    for (let time = 1; time <= 2; time += 1) await provider.head(KEY);
    await rotate();
    for (let time = 1; time <= 2; time += 1) await provider.head(KEY);
    const last = store.requests.at(-1);
    expect(last?.query.has('X-Amz-Signature')).toBe(true);
    expect(last && keyOf(last)).toBe('new');
  });

  test('addresses for clients are signed with the new credentials, without a refusal', async () => {
    const { provider, rotate } = await open(errorAnswer(400, 'ExpiredToken'));
    const signer = async (): Promise<string | undefined> =>
      new URL(await provider.urlFor(KEY, 'GET')).searchParams.get('X-Amz-Credential')?.split('/')[0];
    expect(await signer()).toBe('old');
    await rotate();
    await expect.poll(signer, { timeout: 20_000 }).toBe('new');
  });
});

test('credentials that stay refused are reported without further requests', async () => {
  const { store, provider, taken } = await open(errorAnswer(400, 'ExpiredToken'));
  taken.key = 'another';
  await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_rejected', retryable: true });
  await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({
    code: 'store_forbidden',
    retryable: true,
  });
  expect(store.count('PutObject')).toBe(2);
});

describe('tries of a small request whose first try is direct', () => {
  test.each(['HeadObject', 'PutObject'])(
    '%s: direct and SDK tries count together, with back-off',
    async (operation) => {
      const at: number[] = [];
      let slow = false;
      const { store, provider } = await openScripted(
        opened,
        (request) => {
          if (request.operation !== operation || !slow) return undefined;
          at.push(performance.now());
          return errorAnswer(503, 'SlowDown');
        },
        { maxAttempts: 3, retryDelayMs: 200 },
      );
      const call = () =>
        operation === 'HeadObject' ? provider.head(KEY) : put(provider, KEY, Buffer.from('x'));
      await call();
      slow = true;
      const before = store.count(operation);
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(store.count(operation) - before).toBe(3);
      // Jitter leaves at least half of the delay, and timers may be early by a millisecond.
      expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(99);
      slow = false;
      await call();
      // The first of the three was direct, and later first tries are still direct.
      const plain = store.requests.filter(({ headers }) => headers['amz-sdk-invocation-id'] === undefined);
      expect(plain).toHaveLength(2);
    },
  );

  test('one allowed try causes one request', async () => {
    let broken = false;
    const { store, provider } = await openScripted(
      opened,
      () => (broken ? errorAnswer(503, 'SlowDown') : undefined),
      { maxAttempts: 1 },
    );
    await provider.head(KEY);
    broken = true;
    await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(store.count('HeadObject')).toBe(2);
  });
});

describe('a signed address', () => {
  test.each([
    [30, 30],
    [3600, 60],
  ])('is valid no longer than its credentials: with %i s left, 60 s becomes %i', async (left, expected) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const { provider } = await openScripted(opened, () => undefined, {
        access: 'signed',
        signedUrlSeconds: 60,
        credentials: {
          accessKeyId: 'id',
          secretAccessKey: 'secret',
          sessionToken: 'session',
          expiration: new Date(Date.now() + left * 1000),
        },
      });
      for (const method of ['GET', 'HEAD'] as const) {
        const address = new URL(await provider.urlFor(KEY, method));
        expect(address.searchParams.get('X-Amz-Expires')).toBe(String(expected));
      }
    } finally {
      vi.useRealTimers();
    }
  });

  test('is not signed with expired credentials', async () => {
    const { provider } = await openScripted(opened, () => undefined, {
      access: 'signed',
      credentials: { accessKeyId: 'id', secretAccessKey: 's', expiration: new Date(Date.now() - 1000) },
    });
    await expect(provider.urlFor(KEY, 'GET')).rejects.toMatchObject({ code: 'store_forbidden' });
  });
});
