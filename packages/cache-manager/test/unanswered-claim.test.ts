import { afterEach, beforeEach, expect, test } from 'vitest';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { releaseUnanswered } from '../src/unanswered-claim.ts';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const CLAIM = { token: 'lost-answer', leaseMs: 60_000, copyingLeaseMs: 60_000 };

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

test('a claim whose answer was lost does not block the object for a whole lease', async () => {
  const object = mirror.object(PATH);
  await mirror.entries.claim(object.id, CLAIM);
  await releaseUnanswered(mirror.entries, object, CLAIM.token, new AbortController().signal);
  expect(await mirror.entries.get(object.id)).toBeNull();
});

test('the claim of another writer is not released', async () => {
  const object = mirror.object(PATH);
  await mirror.entries.claim(object.id, { ...CLAIM, token: 'somebody' });
  await releaseUnanswered(mirror.entries, object, CLAIM.token, new AbortController().signal);
  expect(await mirror.entries.get(object.id)).toMatchObject({ state: 'pending', token: 'somebody' });
});

test('a request whose claim is not answered releases it in the background', async () => {
  await mirror.redirect('/status/404');
  using _lost = mirror.gate.fail(
    { part: 'entries', method: 'claim' },
    () => new EntryStoreError('the answer was lost'),
  );
  const releases = mirror.gate.count({ part: 'entries', method: 'release' });
  expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'entries_unavailable' });
  await expect.poll(() => mirror.gate.count({ part: 'entries', method: 'release' })).toBe(releases + 1);
});

test('the attempts end with the process if the entry store stays unavailable', async () => {
  const ended = new AbortController();
  const store = {
    release: () => {
      ended.abort();
      return Promise.reject(new EntryStoreError('away'));
    },
  };
  await expect(
    releaseUnanswered(store, mirror.object(PATH), CLAIM.token, ended.signal),
  ).resolves.toBeUndefined();
});
