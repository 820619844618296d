import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OriginError, type OriginErrorCode } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { describeFailure, type RedirectOutcome, type StatusReport } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const NOT_ALLOWED = new URL('https://elsewhere.example/file.zip');
/** A short wait, because no copier runs and every wait ends without a copy. */
const WAIT_MS = 200;

let mirror: MirrorFixture;
afterEach(() => mirror[Symbol.asyncDispose]());

interface FailureOf {
  readonly code?: OriginErrorCode;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly willRetry?: boolean;
  /** Time since the failure, in milliseconds. */
  readonly ageMs?: number;
  /** Whether the clock of the entry store stays at the time of the failure. */
  readonly clockStops?: boolean;
}

async function failed({
  code = 'origin_interrupted',
  status,
  retryAfterMs = 30_000,
  willRetry = true,
  ageMs = 0,
  clockStops = false,
}: FailureOf): Promise<void> {
  const { id } = mirror.object(PATH);
  mirror.clock.stoppedAt = Date.now() - ageMs;
  await mirror.entries.claim(id, { token: 'token', leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const options = status === undefined ? {} : { status, host: 'origin.example' };
  const error = new OriginError(code, 'that is why', options);
  const failure = { ...describeFailure(error, TIMES), willRetry, retryAfterMs, ttlMs: 3_600_000 };
  await mirror.entries.fail(id, 'token', failure);
  if (!clockStops) mirror.clock.stoppedAt = null;
}

async function present(): Promise<void> {
  await mirror.store(PATH);
  await mirror.redirect(PATH);
}

function fail(match: { part: string; method?: string }, error: () => Error): void {
  failures.use(mirror.gate.fail(match, error));
}
let failures = new DisposableStack();
afterEach(() => {
  failures.dispose();
  failures = new DisposableStack();
});

const noStore = () =>
  fail({ part: 'store here', method: 'head' }, () => new StorageError('store_unavailable', 'no store'));
const noEntries = () => fail({ part: 'entries' }, () => new EntryStoreError('no entries'));

type To = StatusReport['redirect']['to'];
const overdueMs = TIMES.copyingLeaseSeconds * 1000 + 60_000;

/** A state, and the outcome of a request that may wait and of one that may not. */
const STATES: readonly [
  state: string,
  arrange: () => Promise<unknown> | void,
  waiting: To,
  notWaiting: To,
][] = [
  ['no entry and no copy', () => undefined, 'wait', 'origin'],
  ['a copy without an entry', () => mirror.store(PATH), 'copy', 'copy'],
  ['present', present, 'copy', 'copy'],
  [
    'present, but the copy is deleted',
    async () => {
      await present();
      await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    },
    'copy',
    'copy',
  ],
  [
    'present, but purged by another process',
    async () => {
      await present();
      await mirror.purgeElsewhere(PATH);
    },
    'wait',
    'origin',
  ],
  [
    'present, but the store does not answer',
    async () => {
      await present();
      noStore();
    },
    'copy',
    'copy',
  ],
  ['pending', () => claim(), 'wait', 'origin'],
  ['404 remembered', () => failed({ status: 404, willRetry: false }), 'origin_status', 'origin_status'],
  [
    '503 remembered, and a job will retry',
    () => failed({ code: 'origin_status', status: 503 }),
    'origin_status',
    'origin_status',
  ],
  [
    '503 no longer remembered, and a job will retry later',
    () => failed({ code: 'origin_status', status: 503, ageMs: 20_000, retryAfterMs: 3_000_000 }),
    'origin',
    'origin',
  ],
  ['overdue after its job was lost', () => failed({ ageMs: overdueMs, retryAfterMs: 1 }), 'wait', 'origin'],
  [
    'overdue, but a copy is in the store',
    async () => {
      await failed({ ageMs: overdueMs, retryAfterMs: 1 });
      await mirror.store(PATH);
    },
    'copy',
    'copy',
  ],
  [
    'failed, and the next try is due within the wait',
    // With a running clock, the retry could be due before the status is read on a busy machine.
    () => failed({ retryAfterMs: 1, clockStops: true }),
    'wait',
    'origin',
  ],
  ['failed, and the next try is due later', () => failed({ retryAfterMs: 60_000 }), 'origin', 'origin'],
  [
    'a redirect that is not allowed',
    () => failed({ code: 'not_allowed', willRetry: false }),
    'refused',
    'refused',
  ],
  ['a redirect loop', () => failed({ code: 'origin_redirects', willRetry: false }), 'refused', 'refused'],
  ['too large', () => failed({ code: 'too_large', willRetry: false }), 'origin', 'origin'],
  ['unreachable', () => failed({ code: 'origin_unreachable', willRetry: false }), 'origin', 'origin'],
  ['no entry, and the store does not answer', noStore, 'origin', 'origin'],
  ['the entry store does not answer', noEntries, 'origin', 'origin'],
  [
    'the entry store does not answer, but a copy is in the store',
    async () => {
      await mirror.store(PATH);
      noEntries();
    },
    'copy',
    'copy',
  ],
];

async function claim(): Promise<void> {
  const { id } = mirror.object(PATH);
  await mirror.entries.claim(id, { token: 'token', leaseMs: 60_000, copyingLeaseMs: 60_000 });
}

/** The word of a status for the outcome of a redirect. */
function toOf(outcome: RedirectOutcome): To {
  switch (outcome.kind) {
    case 'present':
      return 'copy';
    case 'origin':
      return outcome.reason === 'wait_over' ? 'wait' : 'origin';
    case 'origin_status':
      return 'origin_status';
    case 'accepted':
      return 'wait';
    case 'origin_redirects':
    case 'not_allowed':
    case 'unknown_backend':
      return 'refused';
  }
}

describe('the status predicts the outcome of a redirect', () => {
  describe.each([WAIT_MS, 0])('with a wait of %d ms', (waitMs) => {
    beforeEach(async () => {
      mirror = await openMirror({ maxWaitMs: waitMs });
    });

    test.each(STATES)('%s', async (_state, arrange, waiting, notWaiting) => {
      const { manager } = mirror;
      await arrange();
      const url = new URL(mirror.origin.url(PATH));
      const { redirect } = await manager.status('local', 'here', url);
      expect(redirect.to).toBe(waitMs > 0 ? waiting : notWaiting);
      expect(redirect.why).not.toBe('');
      const outcome = await manager.redirect(mirror.request(PATH, { waitMs }));
      expect(toOf(outcome)).toBe(redirect.to);
      if (outcome.kind === 'present' || outcome.kind === 'origin')
        expect([outcome.location, null]).toContain(redirect.location);
    });

    test('a URL that no rule allows', async () => {
      const { manager } = mirror;
      const { redirect } = await manager.status('local', 'here', NOT_ALLOWED);
      const outcome = await manager.redirect({ ...mirror.request(PATH, { waitMs }), url: NOT_ALLOWED });
      expect(outcome.kind).toBe('not_allowed');
      expect(redirect).toMatchObject({ to: 'refused', location: null });
      expect(redirect.why).toBe(outcome.kind === 'not_allowed' ? outcome.message : null);
    });
  });
});
