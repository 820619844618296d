import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchThrough } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { failure } from '@cloud-mirror/testing/s3-rules';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;
let frontend: Program;
let copier: Program;

const LARGE = 12 * 1024 ** 2;

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start();
  [frontend, copier] = await Promise.all([rig.startFrontend(), rig.startCopier()]);
  await rig.copyOf(frontend, fresh('/bytes/10'));
});
afterAll(() => rig?.[Symbol.asyncDispose]());

async function isCopiedWell(path: string): Promise<void> {
  expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  expect(await rig.copies(path)).toBe(1);
  expect(rig.protocols.openUploads).toEqual([]);
}

describe('a store that is unavailable', () => {
  test.each([
    ['down', { kind: 'refuse' }],
    ['hung', { kind: 'blackhole' }],
    ['resetting connections (RST)', { kind: 'reset' }],
    ['closing connections (FIN)', { kind: 'cut' }],
  ] as const)(
    '%s for the front end: new objects go to the origin within the wait, known copies are hits',
    async (_fault, mode) => {
      const known = fresh('/bytes/400');
      await rig.copyOf(frontend, known);
      await rig.frontendLinks.store.set(mode);
      try {
        const path = fresh('/bytes/500');
        const answer = await rig.askTimely(frontend, path);
        expect(answer.headers['location']).toBe(rig.originUrl(path));
        expect((await rig.askTimely(frontend, known)).headers['location']).toContain(rig.protocols.endpoint);
        await rig.frontendLinks.store.set({ kind: 'pass' });
        await isCopiedWell(path);
      } finally {
        await rig.frontendLinks.store.set({ kind: 'pass' });
      }
    },
  );

  test.each([
    ['down', { kind: 'refuse' }],
    ['hung', { kind: 'blackhole' }],
  ] as const)('%s for the copier: the job is retried, and no entry is present', async (_fault, mode) => {
    const path = fresh(`/bytes/${LARGE}`);
    await rig.copierLinks.store.set(mode);
    try {
      const answer = await rig.askTimely(frontend, path);
      expect(answer.headers['location']).toBe(rig.originUrl(path));
      await eventually(() => rig.outcomes(copier, path, 'will_retry') > 0);
      expect(await rig.entry(frontend, path)).not.toMatchObject({ state: 'present' });
    } finally {
      // Delayed requests must not reach the store, where they would begin an orphaned upload.
      rig.copierLinks.store.drop('reset');
      await rig.copierLinks.store.set({ kind: 'pass' });
    }
    await isCopiedWell(path);
  });

  test('cut off during an upload: the upload is restarted, and none stays open', async () => {
    const path = fresh(`/bytes/${LARGE}`);
    // Each upload part has a separate connection.
    const bytes = 3 * 1024 ** 2;
    rig.copierLinks.store.drop('reset');
    await rig.copierLinks.store.set({ kind: 'end-after', how: 'reset', bytes, direction: 'upstream' });
    try {
      expect((await rig.askTimely(frontend, path)).headers['location']).toBe(rig.originUrl(path));
    } finally {
      rig.copierLinks.store.drop('reset');
      await rig.copierLinks.store.set({ kind: 'pass' });
    }
    await isCopiedWell(path);
  });

  test('behind a slow network: the copy is made once', async () => {
    const path = fresh(`/bytes/${LARGE}`);
    rig.copierLinks.store.drop('reset');
    await rig.copierLinks.store.set({ kind: 'rate', bytesPerSecond: 5_000_000 });
    try {
      await isCopiedWell(path);
      expect(rig.origin.count('GET', path)).toBe(1);
    } finally {
      await rig.copierLinks.store.set({ kind: 'pass' });
    }
  });

  test('refuses a flipped byte by the checksum, and the served bytes are right', async () => {
    for (const path of [fresh('/bytes/1000000'), fresh(`/bytes/${LARGE}`)]) {
      rig.copierLinks.store.drop('reset');
      await rig.copierLinks.store.set({ kind: 'corrupt', afterBytes: 500_000, direction: 'upstream' });
      const refused = await refusals(async () => isCopiedWell(path));
      expect(refused).toBeGreaterThan(0);
    }
    await rig.copierLinks.store.set({ kind: 'pass' });
  });

  /** How many uploads the store has refused meanwhile because their bytes did not match a signed hash or a checksum. */
  async function refusals(work: () => Promise<void>): Promise<number> {
    const count = (): number =>
      rig.protocols.refused('BadDigest') + rig.protocols.refused('XAmzContentSHA256Mismatch');
    const before = count();
    await work();
    return count() - before;
  }
});

describe('answers of S3', () => {
  const small = (): string => fresh('/bytes/3000');
  const large = (): string => fresh(`/bytes/${LARGE}`);
  const slow = { status: 503, body: failure(503, 'SlowDown', 'Reduce your request rate').body };
  const errorWith200 = { status: 200, body: failure(200, 'InternalError', 'We encountered an error').body };

  test.each([
    ['503 SlowDown to a PUT', 'PutObject', slow, 2, small],
    ['503 SlowDown to upload parts', 'UploadPart', slow, 4, large],
    ['503 for longer than one delivery', 'CreateMultipartUpload', slow, 5, large],
    ['200 with an error body on complete', 'CompleteMultipartUpload', errorWith200, 1, large],
    ['200 with an error body, repeatedly', 'CompleteMultipartUpload', errorWith200, 4, large],
    ['409 on a conditional write', 'PutObject', failure(409, 'ConditionalRequestConflict', ''), 1, small],
    [
      '409 on a conditional completion',
      'CompleteMultipartUpload',
      failure(409, 'ConditionalRequestConflict', ''),
      1,
      large,
    ],
    ['412 although there is no object', 'PutObject', failure(412, 'PreconditionFailed', ''), 1, small],
    ['conditional writes not supported', 'PutObject', failure(501, 'NotImplemented', ''), 1, small],
    [
      'an upload part that is missing on complete',
      'CompleteMultipartUpload',
      failure(400, 'InvalidPart', ''),
      1,
      large,
    ],
    ['an upload that no longer exists', 'UploadPart', failure(404, 'NoSuchUpload', ''), 1, large],
    ['a checksum refused', 'PutObject', failure(400, 'BadDigest', ''), 1, small],
    ['the checksum of an upload part refused', 'UploadPart', failure(400, 'BadDigest', ''), 2, large],
    ['clocks that differ', 'PutObject', failure(403, 'RequestTimeTooSkewed', ''), 1, small],
  ])(
    '%s: there is a right copy in the end, and no open upload',
    async (_what, operation, answer, times, pathOf) => {
      const path = pathOf();
      rig.protocols.answerNext(operation, answer, times);
      await isCopiedWell(path);
    },
  );

  test('503 to the front end: the client gets the origin, and later a copy', async () => {
    const path = small();
    rig.protocols.answerNext('HeadObject', { status: 503, body: '' }, 1_000);
    expect((await rig.askTimely(frontend, path)).headers['location']).toBe(rig.originUrl(path));
    rig.protocols.answerAsBefore();
    await isCopiedWell(path);
  });

  test('403 never counts as "absent": the client gets the origin, without a copy or a job', async () => {
    const path = small();
    rig.protocols.answerNext('HeadObject', { status: 403, body: '' }, 1_000);
    const sent = rig.protocols.count('SendMessage');
    const answer = await rig.askTimely(frontend, path);
    expect(answer.headers['cache-status']).toBe('cloud-mirror; fwd=miss; detail=store_unavailable');
    expect(rig.protocols.count('SendMessage')).toBe(sent);
    rig.protocols.answerAsBefore();
    await isCopiedWell(path);
  });

  test('301 to another region is reported to the operator, and the client gets the origin', async () => {
    const path = small();
    const moved = {
      status: 301,
      body: '<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message><Region>eu-west-1</Region></Error>',
    };
    rig.protocols.answerNext('PutObject', moved, 1);
    expect((await rig.askTimely(frontend, path)).headers['location']).toBe(rig.originUrl(path));
    const line = await copier.log((one) => one['outcome'] === 'dead_letter');
    expect(JSON.stringify(line)).toContain('eu-west-1');
    expect(await rig.entry(frontend, path)).toMatchObject({ state: 'error', willRetry: false });
  });
});

describe('an object deleted by somebody else', () => {
  test('Cache-Control: no-cache repairs the entry', async () => {
    const path = fresh('/bytes/1500');
    const { location } = await fetchThrough(rig.redirectUrl(frontend, path));
    await rig.deleteCopy(location);
    const mended = await fetchThrough(rig.redirectUrl(frontend, path), {
      headers: { 'cache-control': 'no-cache' },
    });
    expect(mended.artifact.bytes).toEqual(rig.origin.bodyOf(path).bytes());
    expect(mended.location).toBe(location);
  });
});

describe('an object near the end of its life', () => {
  test('gets no redirects in the margin before its expiry; a new copy replaces it', async () => {
    // The object lives for a day, and all but four seconds of it are margin.
    const overrides = { entries: { ttlSeconds: 86_400, expiryMarginSeconds: 86_396 } };
    await using short = await FaultRig.start({ overrides });
    const [asked] = await Promise.all([short.startFrontend(), short.startCopier()]);
    const path = fresh('/bytes/1700');
    const first = await fetchThrough(short.redirectUrl(asked, path));
    expect(first.redirect.headers['cache-status']).toBe('cloud-mirror; fwd=miss; stored');
    await eventually(async () => (await short.entry(asked, path)) === null);
    const second = await fetchThrough(short.redirectUrl(asked, path));
    expect(second.redirect.headers['cache-status']).toBe('cloud-mirror; fwd=miss; stored');
    expect(second.artifact.bytes).toEqual(short.origin.bodyOf(path).bytes());
    expect(short.origin.count('GET', path)).toBe(2);
    expect(await short.copies(path)).toBe(1);
  });
});
