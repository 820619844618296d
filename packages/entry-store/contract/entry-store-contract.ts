import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change, Claim, EntryStore, Failure, Take } from '../src/entry-store.ts';
import { urlSha256, type Copy, type ObjectId } from '@cloud-mirror/mirrored-objects';

/** Two instances over the same entries, as in two processes. An in-memory adapter passes the same instance twice. */
export interface EntryStorePair extends AsyncDisposable {
  readonly store: EntryStore;
  readonly other: EntryStore;
}

const LEASE_MS = 60_000;
const SHORT_MS = 40;

const COPY: Copy = {
  generation: 'Zk3_-9',
  sizeBytes: 9_007_199_254_740_991,
  sha256: null,
  etag: '"a\\b/c é"',
  storedAt: 1_763_637_000_123,
  expiresAt: null,
};

const FAILURE: Failure = {
  code: 'origin_status',
  cause: 'the origin "answered" with 503',
  stack: 'Error: 503\n    at somewhere — 日本',
  originStatus: 503,
  originHost: 'origin.example',
  firstRetryMs: 2_000,
  longestRetryMs: 7_000,
  willRetry: true,
  ttlMs: LEASE_MS,
};

export function objectIn(backend: string): ObjectId {
  return { backend, sha256: urlSha256(randomUUID()) };
}

export function claimOf(token: string, claim: Partial<Claim> = {}): Claim {
  return { token, leaseMs: LEASE_MS, copyingLeaseMs: LEASE_MS, ...claim };
}

function takeOf(token: string, take: Partial<Take> = {}): Take {
  return { token, jobToken: 'none', leaseMs: LEASE_MS, ...take };
}

/** Polls until the condition holds. The time limit of the test bounds the wait. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5);
}

export async function untilItAnswers(store: EntryStore): Promise<void> {
  await until(() =>
    store.check().then(
      () => true,
      () => false,
    ),
  );
}

/** The contract suite of the EntryStore port, for any adapter. */
export function describeEntryStore(name: string, open: () => Promise<EntryStorePair>): void {
  describe(name, () => {
    let pair: EntryStorePair;
    let store: EntryStore;
    let other: EntryStore;
    let id: ObjectId;

    beforeEach(async () => {
      pair = await open();
      ({ store, other } = pair);
      id = objectIn('s3/us-west-1');
    });
    afterEach(async () => {
      await pair[Symbol.asyncDispose]();
    });

    /** Brings the entry to `error` after `attempts` failures. */
    async function failed(failure: Partial<Failure> = {}, attempts = 1): Promise<void> {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const token = `failing-${attempt}`;
        expect(await store.take(id, takeOf(token))).toMatchObject({ taken: true });
        expect(await store.fail(id, token, { ...FAILURE, ...failure })).toBe(true);
      }
    }

    async function present(token = 'committer', ttlMs = LEASE_MS): Promise<void> {
      expect(await store.claim(id, claimOf(token))).toMatchObject({ claimed: true });
      expect(await store.commit(id, token, COPY, ttlMs)).toBe(true);
    }

    describe('get', () => {
      test('returns null for an absent entry', async () => {
        expect(await store.get(id)).toBeNull();
      });

      test('distinguishes objects and back ends', async () => {
        await present();
        expect(await store.get({ ...id, backend: 's3/eu-central-1' })).toBeNull();
        expect(await store.get(objectIn(id.backend))).toBeNull();
        expect(await other.get(id)).toMatchObject({ state: 'present' });
      });
    });

    describe('claim', () => {
      test('makes an absent entry pending, queued, with the token', async () => {
        expect(await store.claim(id, claimOf('a'))).toEqual({ claimed: true, attempts: 0 });
        const entry = await other.get(id);
        expect(entry).toEqual({
          state: 'pending',
          token: 'a',
          phase: 'queued',
          since: expect.any(Number) as number,
          bytes: 0,
          leaseEnd: expect.any(Number) as number,
          attempts: 0,
        });
        if (entry?.state === 'pending') expect(entry.leaseEnd - entry.since).toBe(LEASE_MS);
      });

      test('is won by exactly one of five hundred concurrent claims', async () => {
        const results = await Promise.all(
          Array.from({ length: 500 }, (_, index) =>
            (index % 2 === 0 ? store : other).claim(id, claimOf(`token-${index}`)),
          ),
        );
        const winners = results.flatMap((result, index) => (result.claimed ? [`token-${index}`] : []));
        expect(winners).toHaveLength(1);
        for (const result of results)
          if (!result.claimed) expect(result.entry).toMatchObject({ state: 'pending', token: winners[0] });
      });

      test('is refused with the entry while another token holds it', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.claim(id, claimOf('b'))).toEqual({ claimed: false, entry: await store.get(id) });
        await store.take(id, takeOf('c'));
        expect(await store.claim(id, claimOf('b'))).toMatchObject({
          claimed: false,
          entry: { state: 'pending', token: 'c', phase: 'copying' },
        });
      });

      test('is refused if the entry is present', async () => {
        await present();
        expect(await store.claim(id, claimOf('b'))).toEqual({ claimed: false, entry: await store.get(id) });
      });

      test('succeeds when the previous lease has ended', async () => {
        await store.claim(id, claimOf('a', { leaseMs: SHORT_MS }));
        await until(async () => (await store.get(id)) === null);
        expect(await store.claim(id, claimOf('b'))).toMatchObject({ claimed: true });
        expect(await store.get(id)).toMatchObject({ token: 'b' });
      });

      test('is refused on an error until the copying lease has passed after its retry time', async () => {
        await failed({ retryAfterMs: 0 });
        expect(await store.claim(id, claimOf('b'))).toEqual({ claimed: false, entry: await store.get(id) });
      });

      test('succeeds on an error whose retry time passed more than the copying lease ago', async () => {
        await failed({ retryAfterMs: 0 }, 3);
        let result = await store.claim(id, claimOf('b', { copyingLeaseMs: SHORT_MS }));
        await until(async () => {
          result = await store.claim(id, claimOf('b', { copyingLeaseMs: SHORT_MS }));
          return result.claimed;
        });
        expect(result).toEqual({ claimed: true, attempts: 3 });
        expect(await store.get(id)).toMatchObject({ state: 'pending', phase: 'queued', attempts: 3 });
      });

      test('returns the same result when repeated', async () => {
        await failed({ retryAfterMs: 0 }, 2);
        const claim = claimOf('b', { copyingLeaseMs: 0 });
        await until(async () => (await store.claim(id, claim)).claimed);
        const entry = await store.get(id);
        expect(await store.claim(id, claim)).toEqual({ claimed: true, attempts: 2 });
        expect(await store.get(id)).toEqual(entry);
      });
    });

    describe('take', () => {
      test('makes an absent entry pending, copying', async () => {
        expect(await store.take(id, takeOf('t'))).toEqual({ taken: true, ownClaim: false, attempts: 0 });
        expect(await other.get(id)).toEqual({
          state: 'pending',
          token: 't',
          phase: 'copying',
          since: expect.any(Number) as number,
          bytes: 0,
          leaseEnd: expect.any(Number) as number,
          attempts: 0,
        });
      });

      test('returns whether the claim was the job’s own', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.take(id, takeOf('t', { jobToken: 'a' }))).toMatchObject({ ownClaim: true });
      });

      test('takes the claim of another job too', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.take(id, takeOf('t', { jobToken: 'z' }))).toMatchObject({
          taken: true,
          ownClaim: false,
        });
        expect(await store.get(id)).toMatchObject({ token: 't', phase: 'copying' });
      });

      test('takes an error and keeps its count of attempts', async () => {
        await failed({}, 2);
        expect(await store.take(id, takeOf('t'))).toEqual({ taken: true, ownClaim: false, attempts: 2 });
        expect(await store.get(id)).toMatchObject({ state: 'pending', attempts: 2 });
      });

      test('does not count an error with the job’s token as its own claim', async () => {
        await failed();
        expect(await store.take(id, takeOf('t', { jobToken: 'failing-1' }))).toMatchObject({
          ownClaim: false,
        });
      });

      test('is refused with the remaining lease while another copier copies', async () => {
        await store.take(id, takeOf('t'));
        const result = await store.take(id, takeOf('u', { jobToken: 't' }));
        expect(result).toMatchObject({ taken: false, entry: { token: 't', phase: 'copying' } });
        if (result.taken) return;
        expect(result.leaseRemainingMs).toBeGreaterThan(0);
        expect(result.leaseRemainingMs).toBeLessThanOrEqual(LEASE_MS);
      });

      test('is refused if the entry is present', async () => {
        await present();
        expect(await store.take(id, takeOf('t'))).toEqual({
          taken: false,
          entry: await store.get(id),
          leaseRemainingMs: 0,
        });
      });

      test('succeeds when the lease of the other copier has ended', async () => {
        await store.take(id, takeOf('t', { leaseMs: SHORT_MS }));
        await until(async () => (await store.take(id, takeOf('u'))).taken);
        expect(await store.get(id)).toMatchObject({ token: 'u' });
      });

      test('returns the same result when repeated, even after a renewal', async () => {
        await store.claim(id, claimOf('a'));
        const take = takeOf('t', { jobToken: 'a' });
        const first = await store.take(id, take);
        expect(await store.take(id, take)).toEqual(first);
        await store.renew(id, 't', { leaseMs: LEASE_MS, bytes: 7 });
        expect(await store.take(id, take)).toEqual(first);
        expect(await store.get(id)).toMatchObject({ bytes: 7 });
      });

      test('is won by exactly one of many concurrent takes', async () => {
        await store.claim(id, claimOf('a'));
        const results = await Promise.all(
          Array.from({ length: 100 }, (_, index) => store.take(id, takeOf(`t-${index}`, { jobToken: 'a' }))),
        );
        expect(results.filter((result) => result.taken)).toEqual([
          { taken: true, ownClaim: true, attempts: 0 },
        ]);
      });
    });

    describe('renew', () => {
      test('extends the lease from now and records the bytes', async () => {
        await store.take(id, takeOf('t', { leaseMs: 5_000 }));
        const before = await store.get(id);
        expect(await store.renew(id, 't', { leaseMs: 50_000, bytes: 5_368_709_120 })).toBe(true);
        const after = await store.get(id);
        expect(after).toMatchObject({ phase: 'copying', token: 't', bytes: 5_368_709_120 });
        expect(after).toMatchObject({ since: before?.since });
        if (before?.state === 'pending' && after?.state === 'pending')
          expect(after.leaseEnd - before.leaseEnd).toBeGreaterThanOrEqual(45_000);
      });

      test('keeps an entry past its first lease', async () => {
        await store.take(id, takeOf('t', { leaseMs: 200 }));
        const first = await store.get(id);
        await store.renew(id, 't', { leaseMs: LEASE_MS, bytes: 1 });
        if (first?.state !== 'pending') throw new TypeError('expected a pending entry');
        await until(() => Date.now() > first.leaseEnd + SHORT_MS);
        expect(await store.get(id)).toMatchObject({ state: 'pending', token: 't' });
      });

      test('leaves a queued claim queued', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.renew(id, 'a', { leaseMs: LEASE_MS, bytes: 0 })).toBe(true);
        expect(await store.get(id)).toMatchObject({ phase: 'queued' });
      });

      test('is refused after the lease has ended', async () => {
        await store.take(id, takeOf('t', { leaseMs: SHORT_MS }));
        await until(async () => (await store.get(id)) === null);
        expect(await store.renew(id, 't', { leaseMs: LEASE_MS, bytes: 1 })).toBe(false);
        expect(await store.get(id)).toBeNull();
      });

      test('is refused if the entry is present or an error', async () => {
        await present('t');
        expect(await store.renew(id, 't', { leaseMs: LEASE_MS, bytes: 1 })).toBe(false);
        await store.drop(id);
        await failed();
        expect(await store.renew(id, 'failing-1', { leaseMs: LEASE_MS, bytes: 1 })).toBe(false);
        expect(await store.get(id)).toMatchObject({ state: 'error' });
      });
    });

    describe('commit', () => {
      test('makes the entry present with every field of the copy', async () => {
        await present('t');
        expect(await other.get(id)).toEqual({
          state: 'present',
          token: 't',
          since: expect.any(Number) as number,
          ...COPY,
        });
      });

      test('keeps a digest and an expiry', async () => {
        await store.take(id, takeOf('t'));
        const copy: Copy = { ...COPY, sha256: urlSha256('x'), etag: null, expiresAt: 1_763_999_999_999 };
        await store.commit(id, 't', copy, LEASE_MS);
        expect(await store.get(id)).toMatchObject(copy);
      });

      test('makes an entry that ends with its time to live', async () => {
        await present('t', SHORT_MS);
        await until(async () => (await store.get(id)) === null);
        expect(await store.claim(id, claimOf('b'))).toMatchObject({ claimed: true });
      });

      test('returns the same result when repeated', async () => {
        await present('t');
        const entry = await store.get(id);
        expect(await store.commit(id, 't', { ...COPY, generation: 'other' }, LEASE_MS)).toBe(true);
        expect(await store.get(id)).toEqual(entry);
      });

      test('is refused if the entry is an error', async () => {
        await failed();
        expect(await store.commit(id, 'failing-1', COPY, LEASE_MS)).toBe(false);
        expect(await store.get(id)).toMatchObject({ state: 'error' });
      });
    });

    describe('fail', () => {
      test('makes the entry an error with every field of the failure', async () => {
        await failed();
        const entry = await other.get(id);
        expect(entry).toEqual({
          state: 'error',
          token: 'failing-1',
          since: expect.any(Number) as number,
          code: FAILURE.code,
          cause: FAILURE.cause,
          stack: FAILURE.stack,
          originStatus: 503,
          originHost: 'origin.example',
          attempts: 1,
          retryAt: (entry?.since ?? 0) + 2_000,
          willRetry: true,
        });
      });

      test("keeps the origin's Retry-After", async () => {
        await failed({ originRetryAfterSeconds: 3600 });
        expect(await other.get(id)).toMatchObject({ originRetryAfterSeconds: 3600, originStatus: 503 });
      });

      test('keeps null if the origin did not answer', async () => {
        await failed({ originStatus: null, originHost: null, willRetry: false });
        expect(await store.get(id)).toMatchObject({
          originStatus: null,
          originHost: null,
          willRetry: false,
        });
      });

      test.each([
        [1, 2_000],
        [2, 4_000],
        [3, 7_000],
        [5, 7_000],
      ])('sets the retry time after failure %i to %i ms from now', async (attempts, retryMs) => {
        await failed({}, attempts);
        const entry = await store.get(id);
        if (entry?.state !== 'error') throw new TypeError('expected an error entry');
        expect(entry.attempts).toBe(attempts);
        expect(entry.retryAt - entry.since).toBe(retryMs);
      });

      test('uses the retry delay of the failure', async () => {
        await failed({ retryAfterMs: 12_345 });
        const entry = await store.get(id);
        if (entry?.state === 'error') expect(entry.retryAt - entry.since).toBe(12_345);
        expect(entry?.state).toBe('error');
      });

      test('makes an entry that ends with its time to live', async () => {
        await failed({ ttlMs: SHORT_MS });
        await until(async () => (await store.get(id)) === null);
      });

      test('counts once when repeated', async () => {
        await failed();
        const entry = await store.get(id);
        expect(await store.fail(id, 'failing-1', FAILURE)).toBe(true);
        expect(await store.get(id)).toEqual(entry);
      });

      test('is refused if the entry is present', async () => {
        await present('t');
        expect(await store.fail(id, 't', FAILURE)).toBe(false);
        expect(await store.get(id)).toMatchObject({ state: 'present' });
      });

      test('accepts text with a lone surrogate', async () => {
        await failed({ cause: 'half a surrogate: \ud800' });
        expect(await store.take(id, takeOf('t'))).toMatchObject({ taken: true, attempts: 1 });
      });
    });

    describe('noteCheck', () => {
      const INTERVAL_MS = 30_000;

      test('begins one check of a present entry within the interval, in any process', async () => {
        await present('a');
        const before = await store.get(id);
        expect(await store.noteCheck(id, 'a', INTERVAL_MS)).toBe(true);
        expect(await other.noteCheck(id, 'a', INTERVAL_MS)).toBe(false);
        expect(await store.noteCheck(id, 'a', INTERVAL_MS)).toBe(false);
        expect(await other.get(id)).toEqual(before);
      });

      test('is won by exactly one of many at once', async () => {
        await present('a');
        const begun = await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            (index % 2 === 0 ? store : other).noteCheck(id, 'a', INTERVAL_MS),
          ),
        );
        expect(begun.filter((one) => one)).toHaveLength(1);
      });

      test('begins again after the interval, as often as that passes', async () => {
        await present('a');
        const before = await store.get(id);
        for (let time = 1; time <= 3; time += 1) {
          await until(() => store.noteCheck(id, 'a', SHORT_MS));
          expect(await store.noteCheck(id, 'a', INTERVAL_MS)).toBe(false);
        }
        expect(await store.get(id)).toEqual(before);
      });

      test('keeps the end of the entry', async () => {
        await present('a', SHORT_MS);
        await store.noteCheck(id, 'a', INTERVAL_MS);
        await until(async () => (await store.get(id)) === null);
      });

      test('is refused for another token and for every other state', async () => {
        expect(await store.noteCheck(id, 'a', 0)).toBe(false);
        await store.claim(id, claimOf('a'));
        expect(await store.noteCheck(id, 'a', 0)).toBe(false);
        await store.commit(id, 'a', COPY, LEASE_MS);
        expect(await store.noteCheck(id, 'b', 0)).toBe(false);
        await store.drop(id);
        await failed();
        expect(await store.noteCheck(id, 'failing-1', 0)).toBe(false);
      });
    });

    describe('a claim that checks an error', () => {
      const INTERVAL_MS = 30_000;
      const checkOf = (token: string, error: string, intervalMs = INTERVAL_MS): Claim =>
        claimOf(token, { check: { token: error, intervalMs } });

      test('replaces the error with that token, and counts attempts anew', async () => {
        await failed({}, 3);
        expect(await store.claim(id, claimOf('a'))).toMatchObject({ claimed: false });
        expect(await store.claim(id, checkOf('a', 'failing-2'))).toMatchObject({ claimed: false });
        expect(await other.claim(id, checkOf('a', 'failing-3'))).toEqual({ claimed: true, attempts: 0 });
        expect(await store.get(id)).toMatchObject({ state: 'pending', token: 'a', attempts: 0 });
      });

      test('is refused within the interval after the last one, in any process', async () => {
        await failed();
        expect(await store.claim(id, checkOf('a', 'failing-1'))).toMatchObject({ claimed: true });
        expect(await store.fail(id, 'a', FAILURE)).toBe(true);
        const refused = await other.claim(id, checkOf('b', 'a'));
        expect(refused).toEqual({ claimed: false, entry: await store.get(id) });
        await until(async () => (await other.claim(id, checkOf('b', 'a', SHORT_MS))).claimed);
      });

      test.each(['pending', 'present'])('does not replace a %s entry', async (state) => {
        if (state === 'pending') await store.claim(id, claimOf('a'));
        else await present('a');
        expect(await store.claim(id, checkOf('b', 'a'))).toMatchObject({ claimed: false });
      });
    });

    describe('release', () => {
      test('makes a claim absent', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.release(id, 'a')).toBe(true);
        expect(await other.get(id)).toBeNull();
      });

      test('makes a take absent', async () => {
        await store.take(id, takeOf('t'));
        expect(await store.release(id, 't')).toBe(true);
        expect(await store.get(id)).toBeNull();
      });

      test('is refused if the entry is present or an error', async () => {
        await present('t');
        expect(await store.release(id, 't')).toBe(false);
        expect(await store.get(id)).toMatchObject({ state: 'present' });
        await store.drop(id);
        await failed();
        expect(await store.release(id, 'failing-1')).toBe(false);
        expect(await store.get(id)).toMatchObject({ state: 'error' });
      });
    });

    describe('drop', () => {
      test('without a token removes an entry in any state', async () => {
        await store.claim(id, claimOf('a'));
        expect(await store.drop(id)).toBe(true);
        await store.take(id, takeOf('t'));
        expect(await store.drop(id)).toBe(true);
        await failed();
        expect(await store.drop(id)).toBe(true);
        await present();
        expect(await store.drop(id)).toBe(true);
        expect(await store.get(id)).toBeNull();
        expect(await store.drop(id)).toBe(false);
      });

      test('with a token removes only an entry that still has it', async () => {
        await present('t');
        expect(await store.drop(id, 'u')).toBe(false);
        expect(await store.get(id)).toMatchObject({ token: 't' });
        expect(await store.drop(id, 't')).toBe(true);
        expect(await store.get(id)).toBeNull();
        expect(await store.drop(id, 't')).toBe(false);
      });
    });

    describe('the token', () => {
      const writes = {
        renew: (entries: EntryStore, object: ObjectId) =>
          entries.renew(object, 'stranger', { leaseMs: LEASE_MS, bytes: 1 }),
        commit: (entries: EntryStore, object: ObjectId) => entries.commit(object, 'stranger', COPY, LEASE_MS),
        fail: (entries: EntryStore, object: ObjectId) => entries.fail(object, 'stranger', FAILURE),
        release: (entries: EntryStore, object: ObjectId) => entries.release(object, 'stranger'),
        drop: (entries: EntryStore, object: ObjectId) => entries.drop(object, 'stranger'),
      };
      const states = {
        absent: async () => undefined,
        queued: async () => void (await store.claim(id, claimOf('a'))),
        copying: async () => void (await store.take(id, takeOf('t'))),
        present: () => present(),
        error: () => failed(),
      };

      test.each(
        Object.keys(writes).flatMap((write) => Object.keys(states).map((state) => [write, state] as const)),
      )('of another writer is refused: %s on %s', async (write, state) => {
        await states[state as keyof typeof states]();
        const before = await store.get(id);
        expect(await writes[write as keyof typeof writes](store, id)).toBe(false);
        expect(await store.get(id)).toEqual(before);
      });

      test('of a claim is refused after a copier’s take', async () => {
        await store.claim(id, claimOf('a'));
        await store.take(id, takeOf('t', { jobToken: 'a' }));
        expect(await store.commit(id, 'a', COPY, LEASE_MS)).toBe(false);
        expect(await store.release(id, 'a')).toBe(false);
        expect(await store.fail(id, 'a', FAILURE)).toBe(false);
        expect(await store.commit(id, 't', COPY, LEASE_MS)).toBe(true);
      });

      test('of a copier is refused after a purge', async () => {
        await store.take(id, takeOf('t'));
        await store.drop(id);
        expect(await store.commit(id, 't', COPY, LEASE_MS)).toBe(false);
        expect(await store.get(id)).toBeNull();
      });
    });

    describe('flush', () => {
      test('drops every entry of the named back ends and no other', async () => {
        const mine = Array.from({ length: 50 }, () => objectIn('s3/a-b'));
        const second = objectIn('s3/c');
        const kept = [objectIn('s3/a'), objectIn('s3/a-b-c'), objectIn('other/a-b')];
        for (const object of [...mine, second, ...kept]) await store.claim(object, claimOf('a'));
        expect(await store.flush(['s3/a-b', 's3/c', 's3/never'])).toBe(51);
        for (const object of [...mine, second]) expect(await other.get(object)).toBeNull();
        for (const object of kept) expect(await other.get(object)).toMatchObject({ token: 'a' });
        expect(await store.flush(['s3/a-b'])).toBe(0);
        expect(await store.flush(['s3/a'])).toBe(1);
      });

      test('of no back ends drops nothing', async () => {
        await present();
        expect(await store.flush([])).toBe(0);
        expect(await store.get(id)).not.toBeNull();
      });

      test('treats the names of back ends literally, not as patterns', async () => {
        const star = objectIn('s3/*');
        await store.claim(id, claimOf('a'));
        await store.claim(star, claimOf('a'));
        expect(await store.flush(['s3/*'])).toBe(1);
        expect(await store.get(id)).not.toBeNull();
        expect(await store.flush(['s3/us-west-[12]', 's3/us-west-?'])).toBe(0);
        expect(await store.flush(['s3/us-west-?'])).toBe(0);
      });
    });

    describe('the seal', () => {
      test('is the same in all processes and survives every write that is not a drop or flush', async () => {
        const seal = await store.seal();
        await present();
        expect(await store.drop(id, 'stranger')).toBe(false);
        const second = objectIn('s3/us-west-1');
        await store.claim(second, claimOf('a'));
        await store.release(second, 'a');
        await store.take(second, takeOf('t'));
        await store.renew(second, 't', { leaseMs: LEASE_MS, bytes: 1 });
        await store.fail(second, 't', FAILURE);
        expect(await other.seal()).toBe(seal);
        expect(await store.seal()).toBe(seal);
      });

      test.each([
        ['a drop', () => store.drop(id)],
        ['a drop with its token', () => store.drop(id, 't')],
        ['a drop of an absent entry', () => store.drop(objectIn('s3/us-west-1'))],
        ['a flush', () => store.flush(['s3/us-west-1'])],
      ])('is replaced by %s and never returns', async (_name, remove) => {
        const seen = new Set([await other.seal()]);
        for (let time = 1; time <= 3; time += 1) {
          await present('t');
          await remove();
          seen.add(await (time === 2 ? store : other).seal());
          await store.drop(id);
        }
        expect(seen.size).toBe(4);
      });
    });

    describe('subscribe', () => {
      /** The changes that `other` receives. Waits for the first one, because some stores take a moment to subscribe. */
      async function listening(): Promise<{ heard: Change[]; subscription: Disposable }> {
        const heard: Change[] = [];
        const subscription = other.subscribe((change) => heard.push(change));
        const probe = objectIn('probe/probe');
        await until(async () => {
          await store.drop(probe);
          await delay(5);
          return heard.some((change) => change.type === 'changed');
        });
        return { heard, subscription };
      }

      function changesOf(heard: readonly Change[]): number {
        return heard.filter((change) => change.type === 'changed' && change.id.sha256 === id.sha256).length;
      }

      test.each([
        ['claim', true, () => store.claim(id, claimOf('a'))],
        ['take', true, () => store.take(id, takeOf('t'))],
        ['purge', false, () => store.drop(id)],
      ])('reports a %s', async (_name, pending, write) => {
        const { heard } = await listening();
        await write();
        await until(() => changesOf(heard) === 1);
        expect(heard).toContainEqual({ type: 'changed', id, pending });
      });

      test.each([
        ['renew', true, () => store.renew(id, 't', { leaseMs: LEASE_MS, bytes: 3 })],
        ['commit', false, () => store.commit(id, 't', COPY, LEASE_MS)],
        ['fail', false, () => store.fail(id, 't', FAILURE)],
        ['release', false, () => store.release(id, 't')],
        ['drop with its token', false, () => store.drop(id, 't')],
      ])('reports a %s', async (_name, pending, write) => {
        const { heard } = await listening();
        await store.take(id, takeOf('t'));
        await until(() => changesOf(heard) === 1);
        expect(await write()).toBe(true);
        await until(() => changesOf(heard) === 2);
        expect(heard.at(-1)).toEqual({ type: 'changed', id, pending });
      });

      test('reports a flush', async () => {
        const { heard } = await listening();
        await store.flush(['s3/us-west-1']);
        await until(() => heard.some((change) => change.type === 'flushed'));
      });

      test('reports nothing after it is disposed', async () => {
        const { heard, subscription } = await listening();
        const witness = await listening();
        subscription[Symbol.dispose]();
        const before = heard.length;
        await store.claim(id, claimOf('a'));
        await until(() => changesOf(witness.heard) === 1);
        expect(heard).toHaveLength(before);
      });

      test('reports to the other listeners when one throws', async () => {
        other.subscribe(() => {
          throw new Error('a listener of the test throws');
        });
        const { heard } = await listening();
        await store.claim(id, claimOf('a'));
        await until(() => changesOf(heard) === 1);
      });
    });

    test('the epoch does not change while the connection lasts', async () => {
      await present();
      // The client of a cluster connects to each server when it is first needed, and each connection counts once.
      await expect
        .poll(async () => {
          const { epoch } = store;
          await store.check();
          await store.get(id);
          return store.epoch - epoch;
        })
        .toBe(0);
    });

    test('check resolves if the store accepts writes', async () => {
      await expect(store.check()).resolves.toBeUndefined();
    });
  });
}
