import { describe, expect, test } from 'vitest';
import { MemoryEntryStore } from '../src/memory-entry-store.ts';
import { claimOf, describeEntryStore, objectIn } from '@cloud-mirror/entry-store/contract';

describeEntryStore('MemoryEntryStore', async () => {
  const store = new MemoryEntryStore();
  return { store, other: store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});

describe('MemoryEntryStore with an injected clock', () => {
  test('ends an entry exactly at the end of its lease', async () => {
    let now = 1_000;
    await using store = new MemoryEntryStore({ clock: () => now });
    const id = objectIn('s3/a');
    await store.claim(id, claimOf('a', { leaseMs: 500 }));
    now = 1_499;
    expect(await store.get(id)).toMatchObject({ leaseEnd: 1_500 });
    now = 1_500;
    expect(await store.get(id)).toBeNull();
    expect(await store.renew(id, 'a', { leaseMs: 500, bytes: 0 })).toBe(false);
  });

  test('removes expired entries that nobody reads again', async () => {
    let now = 0;
    let held = 0;
    await using store = new MemoryEntryStore({ clock: () => now });
    const first = Array.from({ length: 1_000 }, () => objectIn('s3/a'));
    for (const id of first) await store.claim(id, claimOf('a', { leaseMs: 10 }));
    now = 20;
    for (let index = 0; index < 1_000; index += 1)
      await store.claim(objectIn('s3/b'), claimOf('a', { leaseMs: 1_000 }));
    // With the clock set back, an entry that is still in memory would be readable again.
    now = 5;
    for (const id of first) if ((await store.get(id)) !== null) held += 1;
    expect(held).toBe(0);
  });

  test('reports the error of a listener that throws', async () => {
    const { promise, resolve } = Promise.withResolvers<Error>();
    await using store = new MemoryEntryStore({ onError: resolve });
    store.subscribe(() => {
      throw new Error('thrown by a listener');
    });
    await store.drop(objectIn('s3/a'));
    expect(await promise).toMatchObject({ message: 'thrown by a listener' });
  });
});
