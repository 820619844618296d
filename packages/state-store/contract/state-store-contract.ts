import { describe, expect, test } from 'vitest';
import { MAX_DOCUMENT_BYTES, StateError } from '../src/state-store.ts';
import type { StateDocument, StateStore } from '../src/state-store.ts';

export interface StateStoreSubject {
  /** Opens a store. Each opens the same documents, like several processes. */
  open(): Promise<StateStore>;
  /** Makes the store unreadable until the next `mend`. */
  readonly breakStore: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

/** The contract of the port {@link StateStore}. `subject` returns a place without documents at each call. */
export function stateStoreContract(name: string, subject: () => Promise<StateStoreSubject>): void {
  describe(`the contract of StateStore: ${name}`, () => {
    const opened = async (): Promise<{ store: StateStore; other: StateStore } & StateStoreSubject> => {
      const own = await subject();
      const store = await own.open();
      await store.check();
      return { store, other: await own.open(), ...own };
    };
    const read = async (store: StateStore, document = 'routes'): Promise<StateDocument> => {
      const found = await store.read(document);
      if (found === null || found === 'unchanged') throw new Error(`no document ${document}`);
      return found;
    };
    const codeOf = async (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'no error',
        (error: unknown) => (error instanceof StateError ? error.code : String(error)),
      );

    test('a document that nobody wrote is absent', async () => {
      const { store } = await opened();
      expect(await store.read('routes')).toBeNull();
      expect(await store.read('routes', { known: 'x' })).toBeNull();
    });

    test('every instance reads what was written', async () => {
      const { store, other } = await opened();
      const revision = await store.write('routes', '{"é":"•\u0000😀"}', { expected: null });
      expect(await store.read('routes')).toEqual({ text: '{"é":"•\u0000😀"}', revision });
      expect(await other.read('routes')).toEqual({ text: '{"é":"•\u0000😀"}', revision });
    });

    test('documents are separate', async () => {
      const { store } = await opened();
      await store.write('routes', 'one', { expected: null });
      await store.write('apps', 'two', { expected: null });
      expect((await read(store)).text).toBe('one');
      expect((await read(store, 'apps')).text).toBe('two');
    });

    test('a write replaces exactly the revision that it expects', async () => {
      const { store, other } = await opened();
      const first = await store.write('routes', 'one', { expected: null });
      const second = await other.write('routes', 'two', { expected: first });
      expect(second).not.toBe(first);
      expect(await codeOf(store.write('routes', 'three', { expected: first }))).toBe('state_conflict');
      expect(await codeOf(store.write('routes', 'three', { expected: null }))).toBe('state_conflict');
      expect(await codeOf(store.write('apps', 'three', { expected: first }))).toBe('state_conflict');
      expect(await read(store)).toEqual({ text: 'two', revision: second });
    });

    test('a reader with the newest revision is told that nothing changed', async () => {
      const { store, other } = await opened();
      const first = await store.write('routes', 'one', { expected: null });
      expect(await store.read('routes', { known: first })).toBe('unchanged');
      expect(await other.read('routes', { known: first })).toBe('unchanged');
      const second = await other.write('routes', 'two', { expected: first });
      expect(await store.read('routes', { known: first })).toEqual({ text: 'two', revision: second });
      expect(await store.read('routes', { known: second })).toBe('unchanged');
    });

    test('of concurrent writes of one revision exactly one succeeds', async () => {
      const { store, other } = await opened();
      let expected: string | null = null;
      for (let round = 0; round < 20; round += 1) {
        const outcomes = await Promise.allSettled(
          [store, other, store, other].map((one, n) => one.write('routes', `${round}.${n}`, { expected })),
        );
        const won = outcomes.flatMap((outcome, n) => (outcome.status === 'fulfilled' ? [n] : []));
        expect(won).toHaveLength(1);
        for (const outcome of outcomes)
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'state_conflict' });
        const newest = await read(store);
        expect(newest.text).toBe(`${round}.${won[0]}`);
        expected = newest.revision;
      }
    });

    test('a write of an old revision never succeeds, however many versions came after', async () => {
      const { store, other } = await opened();
      const first = await store.write('routes', 'first', { expected: null });
      let expected = first;
      for (let n = 0; n < 40; n += 1) expected = await store.write('routes', `version ${n}`, { expected });
      expect(await codeOf(other.write('routes', 'late', { expected: first }))).toBe('state_conflict');
      expect(await codeOf(other.write('routes', 'late', { expected: null }))).toBe('state_conflict');
      expect(await read(other)).toEqual({ text: 'version 39', revision: expected });
    });

    test('a document of the largest size is kept, and a larger one is refused', async () => {
      const { store } = await opened();
      const revision = await store.write('routes', 'x'.repeat(MAX_DOCUMENT_BYTES), { expected: null });
      expect((await read(store)).text).toHaveLength(MAX_DOCUMENT_BYTES);
      const larger = store.write('routes', `${'x'.repeat(MAX_DOCUMENT_BYTES)}y`, { expected: revision });
      expect(await codeOf(larger)).toBe('state_too_large');
    });

    test('an unreadable store is no absent document', async () => {
      const { store, breakStore, mend } = await opened();
      const revision = await store.write('routes', 'one', { expected: null });
      await breakStore();
      expect(await codeOf(store.read('routes'))).toBe('state_unavailable');
      expect(await codeOf(store.read('routes', { known: revision }))).toBe('state_unavailable');
      expect(await codeOf(store.write('routes', 'two', { expected: revision }))).toBe('state_unavailable');
      await mend();
      expect((await read(store)).text).toBe('one');
    });

    test.each(['', '../routes', 'a/b', 'Routes', '.', 'a b', 'ü'])('refuses the name "%s"', async (bad) => {
      const { store } = await opened();
      await expect(store.read(bad)).rejects.toThrow(TypeError);
      await expect(store.write(bad, '', { expected: null })).rejects.toThrow(TypeError);
    });
  });
}
