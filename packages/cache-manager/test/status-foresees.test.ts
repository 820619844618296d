import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OriginError, type OriginErrorCode } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { describeFailure, type RedirectOutcome, type StatusReport } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const NOT_ALLOWED = new URL('https://elsewhere.example/file.zip');
/** Long enough to be a wait, short enough for it to be over soon: nobody copies anything here. */
const WAIT_MS = 200;

let mirror: MirrorFixture;
afterEach(() => mirror[Symbol.asyncDispose]());

interface FailureOf {
  readonly code?: OriginErrorCode;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly willRetry?: boolean;
  /** How long ago it failed. */
  readonly ageMs?: number;
  /** The clock of the entries stays at the time of the failure. */
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

/** A state, and where a request is sent that may wait and one that may not. */
const STATES: readonly [
  state: string,
  arrange: () => Promise<unknown> | void,
  waiting: To,
  notWaiting: To,
][] = [
  ['nothing is known', () => undefined, 'wait', 'origin'],
  ['a copy that no entry knows of', () => mirror.store(PATH), 'copy', 'copy'],
  ['present', present, 'copy', 'copy'],
  [
    'present, its object gone',
    async () => {
      await present();
      await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    },
    'copy',
    'copy',
  ],
  [
    'present, purged by another process',
    async () => {
      await present();
      await mirror.purgeElsewhere(PATH);
    },
    'wait',
    'origin',
  ],
  [
    'present, the store silent',
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
    '503 remembered, its job comes again',
    () => failed({ code: 'origin_status', status: 503 }),
    'origin_status',
    'origin_status',
  ],
  [
    '503 no longer remembered, its job comes again later',
    () => failed({ code: 'origin_status', status: 503, ageMs: 20_000, retryAfterMs: 3_000_000 }),
    'origin',
    'origin',
  ],
  ['overdue, its job lost', () => failed({ ageMs: overdueMs, retryAfterMs: 1 }), 'wait', 'origin'],
  [
    'overdue, a copy in the store',
    async () => {
      await failed({ ageMs: overdueMs, retryAfterMs: 1 });
      await mirror.store(PATH);
    },
    'copy',
    'copy',
  ],
  [
    'failed, tried again within the wait',
    // On a busy machine, its time would come before the status is asked for.
    () => failed({ retryAfterMs: 1, clockStops: true }),
    'wait',
    'origin',
  ],
  ['failed, tried again later', () => failed({ retryAfterMs: 60_000 }), 'origin', 'origin'],
  [
    'a redirect that is not allowed',
    () => failed({ code: 'not_allowed', willRetry: false }),
    'refused',
    'refused',
  ],
  [
    'redirects in a circle',
    () => failed({ code: 'origin_redirects', willRetry: false }),
    'refused',
    'refused',
  ],
  ['too large', () => failed({ code: 'too_large', willRetry: false }), 'origin', 'origin'],
  ['unreachable', () => failed({ code: 'origin_unreachable', willRetry: false }), 'origin', 'origin'],
  ['nothing is known, the store silent', noStore, 'origin', 'origin'],
  ['the entry store silent', noEntries, 'origin', 'origin'],
  [
    'the entry store silent, a copy in the store',
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

/** What a client saw of an outcome, in the words of a status. */
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

describe('the status foresees what a redirect does', () => {
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
