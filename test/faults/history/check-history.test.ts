import { describe, expect, test } from 'vitest';
import { artifactBytes, recognize } from './artifact.ts';
import { checkHistory } from './check-history.ts';
import type { Aftermath, ClientRequest, FaultSpan, History, Outcome, Purge } from './history.ts';

const QUIET: Aftermath = {
  quietAt: 10_000,
  served: [{ object: 'a', region: 'west', at: 12_000 }],
  openUploads: [],
  pending: [],
  longestLeaseMs: 10_000,
  copiesMade: 2,
  jobsSent: 2,
  concurrency: 4,
  deletedByCopiers: [],
};

/** Version 1 of `a` until 1,000 ms, version 2 from then on. */
const VERSIONS = [
  { object: 'a', version: 1, begin: 0, end: 1_000 },
  { object: 'a', version: 2, begin: 1_000, end: Infinity },
];

function history(changes: Partial<History>): History {
  return { versions: VERSIONS, requests: [], purges: [], faults: [], aftermath: QUIET, ...changes };
}

const copy = (version: number): Outcome => ({
  kind: 'copy',
  location: 'http://store/a',
  found: { kind: 'whole', object: 'a', version },
});
const missing: Outcome = {
  kind: 'copy',
  location: 'http://store/a',
  found: { kind: 'missing', status: 404 },
};

function request(begin: number, outcome: Outcome, changes: Partial<ClientRequest> = {}): ClientRequest {
  const asked = { frontend: 'front end 1', region: 'west', object: 'a', waitMs: 1_000, lagMs: 0 };
  return { ...asked, begin, end: begin + 10, fetchedAt: begin + 20, outcome, ...changes };
}

function purge(begin: number, end: number, changes: Partial<Purge> = {}): Purge {
  return { frontend: 'front end 2', region: 'west', object: 'a', begin, end, done: true, ...changes };
}

function fault(target: FaultSpan['target'], begin: number, end: number, what = 'x'): FaultSpan {
  return { target, of: 'front end 1', what, begin, end };
}

describe('a history in which every promise was kept', () => {
  test.each<[string, Partial<History>]>([
    [
      'old bytes before the purge returned',
      { requests: [request(1_400, copy(1))], purges: [purge(1_200, 1_500)] },
    ],
    [
      'old bytes that the origin still had when the purge began',
      { requests: [request(900, copy(1))], purges: [purge(100, 200)] },
    ],
    ['new bytes after a purge', { requests: [request(1_600, copy(2))], purges: [purge(1_200, 1_500)] }],
    [
      'old bytes after a purge that was refused',
      { requests: [request(1_600, copy(1))], purges: [purge(1_200, 1_500, { done: false })] },
    ],
    [
      'old bytes in another region',
      { requests: [request(1_600, copy(1))], purges: [purge(1_200, 1_500, { region: 'east' })] },
    ],
    [
      'a missing copy during its purge',
      { requests: [request(1_490, missing)], purges: [purge(1_200, 1_500)] },
    ],
    [
      'no answer from a front end that was killed',
      {
        requests: [request(1_490, { kind: 'no_answer', what: '' })],
        faults: [fault('front end', 1_400, 1_600)],
      },
    ],
    [
      'a late answer from a front end that was stopped',
      { requests: [request(1_490, copy(2), { end: 9_000 })], faults: [fault('front end', 1_400, 8_000)] },
    ],
    [
      'an upload that a killed worker left',
      {
        faults: [fault('copier', 100, 200, 'killed')],
        aftermath: { ...QUIET, openUploads: [{ key: 'a', begunAt: 90 }] },
      },
    ],
  ])('%s', (_what, changes) => {
    expect(checkHistory(history(changes))).toEqual([]);
  });
});

describe('reports a broken promise:', () => {
  test.each<[string, Partial<History>, RegExp]>([
    [
      'purged bytes',
      { requests: [request(1_600, copy(1))], purges: [purge(1_200, 1_500)] },
      /version 1.*after the purge/,
    ],
    [
      'purged bytes after a purge of all regions',
      { requests: [request(1_600, copy(1))], purges: [purge(1_200, 1_500, { region: 'all' })] },
      /after the purge/,
    ],
    [
      'bytes of another object',
      {
        requests: [
          request(1, { kind: 'copy', location: 'x', found: { kind: 'whole', object: 'b', version: 1 } }),
        ],
      },
      /bytes of b/,
    ],
    [
      'wrong bytes',
      { requests: [request(1, { kind: 'copy', location: 'x', found: { kind: 'wrong', what: 'half' } })] },
      /wrong bytes/,
    ],
    ['a missing copy', { requests: [request(1, missing)] }, /missing copy/],
    [
      'a missing copy long after a purge',
      { requests: [request(1_600, missing)], purges: [purge(1_200, 1_500)] },
      /missing copy/,
    ],
    ['a late answer', { requests: [request(1, copy(1), { end: 2_100 })] }, /answered 1099 ms after its wait/],
    ['an error', { requests: [request(1, { kind: 'unexpected', what: '500' })] }, /got 500/],
    ['no answer', { requests: [request(1, { kind: 'no_answer', what: 'reset' })] }, /got no answer/],
    [
      'no recovery',
      { aftermath: { ...QUIET, served: [{ object: 'a', region: 'west', at: null }] } },
      /not served from its region/,
    ],
    [
      'a slow recovery',
      { aftermath: { ...QUIET, served: [{ object: 'a', region: 'west', at: 70_001 }] } },
      /not served from its region/,
    ],
    [
      'an upload left open',
      { aftermath: { ...QUIET, openUploads: [{ key: 'a', begunAt: 90 }] } },
      /still open/,
    ],
    [
      'an upload left by a worker that was only frozen',
      {
        faults: [fault('copier', 100, 200, 'frozen')],
        aftermath: { ...QUIET, openUploads: [{ key: 'a', begunAt: 90 }] },
      },
      /still open/,
    ],
    [
      'an entry pending for ever',
      { aftermath: { ...QUIET, pending: [{ key: 'a', leftMs: -1 }] } },
      /is pending/,
    ],
    ['copies that nobody requested', { aftermath: { ...QUIET, copiesMade: 3 } }, /3 copies/],
    ['a copier that deletes', { aftermath: { ...QUIET, deletedByCopiers: ['/b/a'] } }, /copier deleted/],
  ])('%s', (_what, changes, expected) => {
    const broken = checkHistory(history(changes));
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatch(expected);
  });
});

describe('bytes of an artifact', () => {
  const whole = artifactBytes('a', 3, 5_000);

  test('are recognized', () => {
    expect(recognize(whole)).toEqual({ kind: 'whole', object: 'a', version: 3 });
  });

  test.each([
    ['cut short', whole.subarray(0, 4_999)],
    [
      'mixed with another version',
      Buffer.concat([whole.subarray(0, 2_000), artifactBytes('a', 4, 5_000).subarray(2_000)]),
    ],
    ['of another document', Buffer.from('<html>down for maintenance</html>')],
    ['none', Buffer.alloc(0)],
  ])('%s: are wrong', (_what, bytes) => {
    expect(recognize(bytes).kind).toBe('wrong');
  });
});
