import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put } from '@cloud-mirror/storage-provider/contract';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer, type StoreAnswer } from './scripted-store.ts';

const KEY = 'https://origin.example.com/file';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

/** A store that refuses keys with empty segments, with this error code. Answers to HEAD have no body. */
const refusing = (name: string) =>
  openScripted(opened, ({ key, method }): StoreAnswer | undefined => {
    if (!key.includes('//')) return undefined;
    return method === 'HEAD' ? { status: 400 } : errorAnswer(400, name);
  });

describe.each(['XMinioInvalidObjectName', 'InvalidArgument', 'SomethingOfItsOwn'])(
  'a key that a store refuses with %s',
  (name) => {
    const refusal = {
      code: 'store_key_refused',
      retryable: false,
      message: expect.stringContaining('keys: hashed') as string,
    };

    test('is reported as refused by put and head, never as absent', async () => {
      const { provider } = await refusing(name);
      await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject(refusal);
      await expect(provider.head(KEY)).rejects.toMatchObject(refusal);
      expect(await provider.head('sha256/0/abc')).toBeNull();
    });

    test('has no object, so delete succeeds', async () => {
      const { provider } = await refusing(name);
      await provider.delete(KEY);
    });
  },
);

test('a store that refuses every HEAD says nothing about the key', async () => {
  const { provider } = await openScripted(opened, ({ method }) =>
    method === 'HEAD' ? { status: 400 } : undefined,
  );
  await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_rejected' });
});
