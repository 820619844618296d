import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OriginError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { describeFailure, UnknownBackendError, type StatusReport } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

function status(path = PATH): Promise<StatusReport> {
  return mirror.manager.status('local', 'here', new URL(mirror.origin.url(path)));
}

/** Makes the entry `error` with the given failure, or `pending` without one. */
async function entryWith(failure: OriginError | null): Promise<void> {
  const { id } = mirror.object(PATH);
  await mirror.entries.claim(id, { token: 'token', leaseMs: 60_000, copyingLeaseMs: 60_000 });
  if (failure === null) return;
  const error = { ...describeFailure(failure, TIMES), willRetry: true, retryAfterMs: 30_000, ttlMs: 60_000 };
  await mirror.entries.fail(id, 'token', error);
}

describe('the status', () => {
  test('of an object without entry and copy', async () => {
    const { sha256 } = mirror.object(PATH).id;
    expect(await status()).toEqual({
      service: 'local',
      region: 'here',
      url: mirror.origin.url(PATH),
      sha256,
      entry: null,
      ageSeconds: null,
      leaseSeconds: null,
      generation: '',
      key: mirror.origin.url(PATH),
      object: null,
      redirect: { to: 'wait', location: null, why: expect.stringContaining('next request') as string },
      unavailable: [],
    });
  });

  test('starts no copy and changes nothing', async () => {
    await status();
    expect(mirror.gate.count({ part: 'queue here' })).toBe(0);
    expect(mirror.gate.count({ part: 'origin' })).toBe(0);
    expect(await mirror.entries.get(mirror.object(PATH).id)).toBeNull();
    expect(
      mirror.gate.calls.filter(({ method }) => ['claim', 'drop', 'put', 'delete'].includes(method)),
    ).toEqual([]);
  });

  test('of a copy without an entry', async () => {
    await mirror.store(PATH);
    expect(await status()).toMatchObject({
      entry: null,
      object: { sizeBytes: 7, sha256: null, etag: expect.any(String) as string },
      redirect: { to: 'copy', location: await mirror.address(PATH) },
    });
  });

  test('of a present copy has its address without the signature', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const location = await mirror.address(PATH);
    mirror.here.objects.access = 'signed';
    const report = await status();
    expect(report).toMatchObject({
      entry: { state: 'present' },
      ageSeconds: expect.any(Number) as number,
      redirect: { to: 'copy', location, why: 'the copy is present' },
    });
    expect(Date.parse(report.object?.expiresAt ?? '')).toBeGreaterThan(Date.now());
    expect(report.leaseSeconds).toBeGreaterThan(0);
  });

  test('of an entry whose copy was deleted', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    expect(await status()).toMatchObject({
      object: null,
      redirect: { to: 'copy', why: expect.stringContaining('no-cache') as string },
    });
  });

  test('of an entry of a purged generation predicts a new copy', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const { id, markerKey } = mirror.object(PATH);
    await mirror.here.objects.put(markerKey, Readable.from([Buffer.from('n0nce')]), {
      headers: { contentType: 'text/plain' },
      sizeBytes: 5,
      metadata: () => ({ generation: 'n0nce' }),
    });
    expect(await status()).toMatchObject({
      entry: { state: 'present', generation: '' },
      generation: 'n0nce',
      key: `g/n0nce/${mirror.origin.url(PATH)}`,
      redirect: { to: 'wait' },
    });
    expect(await mirror.entries.get(id)).not.toBeNull();
  });

  test('of a copy in progress', async () => {
    await entryWith(null);
    await mirror.store(PATH);
    const report = await status();
    expect(report).toMatchObject({
      entry: { state: 'pending', phase: 'queued' },
      redirect: { to: 'wait', location: null, why: 'a copy is queued' },
    });
    expect(report.leaseSeconds).toBeGreaterThan(0);
    expect(report.leaseSeconds).toBeLessThanOrEqual(60);
  });

  test('of a refusal by the origin has the stack for operators', async () => {
    await entryWith(new OriginError('origin_status', 'origin answered 404', { status: 404, host: 'origin' }));
    expect(await status()).toMatchObject({
      entry: {
        state: 'error',
        attempts: 1,
        originStatus: 404,
        stack: expect.stringContaining('OriginError') as string,
      },
      redirect: { to: 'origin_status', why: 'the origin answered 404' },
    });
  });

  test('of an unreachable origin has the full chain of causes', async () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.5:443'), { code: 'ECONNREFUSED' });
    const addresses = new AggregateError([refused, reset], 'every address failed');
    const cause = new Error('the host accepted no connection', { cause: addresses });
    await entryWith(new OriginError('origin_unreachable', 'origin cannot be reached', { cause }));
    const { entry } = await status();
    const stack = entry?.state === 'error' ? entry.stack : '';
    expect(stack).toContain('OriginError: origin cannot be reached');
    expect(stack.split('\n').filter((line) => line.startsWith('caused by'))).toEqual([
      'caused by Error: the host accepted no connection',
      'caused by AggregateError: every address failed',
      'caused by Error [ECONNREFUSED]: connect ECONNREFUSED 10.0.0.5:443',
      'caused by Error [ECONNRESET]: read ECONNRESET',
    ]);
  });

  test.each(['not_allowed', 'origin_redirects'] as const)(
    'of a failure for which requests are refused: %s',
    async (code) => {
      await entryWith(new OriginError(code, 'that is why'));
      expect(await status()).toMatchObject({
        redirect: { to: 'refused', location: null, why: 'that is why' },
      });
    },
  );

  test('of a failed copy', async () => {
    await entryWith(new OriginError('origin_interrupted', 'the origin broke off'));
    expect(await status()).toMatchObject({
      redirect: { to: 'origin', location: mirror.origin.url(PATH), why: 'the origin broke off' },
    });
  });

  test('lists the parts that failed and predicts the redirect without them', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const storeDown = { part: 'store here', method: 'head' };
    using _store = mirror.gate.fail(storeDown, () => new StorageError('store_unavailable', 'no store'));
    expect(await status()).toMatchObject({
      object: null,
      generation: null,
      key: null,
      redirect: { to: 'copy', location: await mirror.address(PATH) },
      unavailable: [{ part: 'store', cause: 'no store' }],
    });
    using _entries = mirror.gate.fail({ part: 'entries' }, () => new EntryStoreError('no entries'));
    expect(await status()).toMatchObject({
      entry: null,
      redirect: { to: 'origin', location: mirror.origin.url(PATH) },
      unavailable: expect.arrayContaining([{ part: 'entries', cause: 'no entries' }]) as unknown,
    });
  });
});

describe('a flush', () => {
  beforeEach(async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    await mirror.redirect(PATH, { region: 'there', waitMs: 0 });
  });

  test.each([
    [[], 2],
    [['local'], 2],
    [['local', 'all'], 2],
    [['local', 'here'], 1],
    [['local', 'there'], 1],
  ] as const)('of %j forgets %d entries and keeps the objects', async (names, forgotten) => {
    expect(await mirror.manager.flush(...names)).toBe(forgotten);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  });

  test('does not bring a purged copy back', async () => {
    await mirror.manager.purge('local', 'here', new URL(mirror.origin.url(PATH)));
    await mirror.store(PATH);
    await mirror.manager.flush();
    const waiting = mirror.redirect(PATH);
    const { generation } = await mirror.copyNext();
    expect(generation).not.toBe('');
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test('of an unknown service or region is refused with the known ones', async () => {
    await expect(mirror.manager.flush('other')).rejects.toMatchObject({
      code: 'unknown_backend',
      known: ['local/here', 'local/there'],
    });
    await expect(mirror.manager.purge('local', 'nowhere', new URL('http://x/'))).rejects.toThrow(
      UnknownBackendError,
    );
    await expect(mirror.manager.status('local', 'nowhere', new URL('http://x/'))).rejects.toThrow(
      UnknownBackendError,
    );
  });

  test('rejects if the entry store fails', async () => {
    using _down = mirror.gate.fail({ part: 'entries' }, () => new EntryStoreError('down'));
    await expect(mirror.manager.flush()).rejects.toThrow(EntryStoreError);
  });
});
