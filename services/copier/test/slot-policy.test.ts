import { describe, expect, test } from 'vitest';
import { nextMove, slotsPerHost, slowest, surplus, type SlotUse } from '../src/slot-policy.ts';

const SLICE_MS = 2_000;
const HEAD_START_MS = 10_000;
const NOW_MS = 1_000_000;

interface Named extends SlotUse {
  readonly name: string;
  state: SlotUse['state'];
  sinceMs: number;
}

/** Each text is one use: back end, host, state, for how many milliseconds, and marks: `b a running 500 slow`, `b a waiting 0 returned`. */
function uses(...texts: readonly string[]): Named[] {
  return texts.map((name) => {
    const [backend = '', host = '', state = '', forMs = '0', mark = ''] = name.split(' ');
    const sinceMs = NOW_MS - Number(forMs);
    const marks = { isSlow: mark === 'slow', returns: mark === 'returned' ? 1 : 0 };
    return { name, backend, host, state: state as SlotUse['state'], sinceMs, ...marks };
  });
}

const times = (count: number, text: string): string[] => Array.from({ length: count }, () => text);

function rules(slots: number, share = 0.25) {
  return {
    slots,
    slotsPerHost: slotsPerHost(slots, share),
    sliceMs: SLICE_MS,
    headStartMs: HEAD_START_MS,
    mostPaused: slots,
  };
}

/** Makes every move of this moment. @returns the number of moves */
function settle(of: Named[], slots: number, share?: number): number {
  for (let moves = 0; ; moves += 1) {
    if (moves > 10_000) throw new Error('the moves do not end');
    const move = nextMove(of, rules(slots, share), NOW_MS);
    if (move === null) return moves;
    if (move.instead !== null) Object.assign(move.instead, { state: 'paused', sinceMs: NOW_MS });
    Object.assign(move.start, { state: 'running', sinceMs: NOW_MS });
  }
}

function running(of: readonly Named[], by: 'host' | 'backend'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const use of of) if (use.state === 'running') counts[use[by]] = (counts[use[by]] ?? 0) + 1;
  return counts;
}

test.each([
  [16, 0.25, 4],
  [16, 1, 16],
  [10, 0.25, 2],
  [3, 0.25, 1],
  [1, 0.01, 1],
])('of %i slots a share of %f is %i', (slots, share, expected) => {
  expect(slotsPerHost(slots, share)).toBe(expected);
});

describe('slots are shared', () => {
  test.each<[what: string, slots: number, texts: string[], by: 'host' | 'backend', shared: object]>([
    ['one host alone gets all', 4, times(9, 'b a waiting'), 'host', { a: 4 }],
    ['a free slot goes to any job', 4, ['b a running', 'b a waiting'], 'host', { a: 2 }],
    [
      'a host over its share makes room for one below it',
      8,
      [...times(8, 'b a running'), 'b c waiting'],
      'host',
      { a: 7, c: 1 },
    ],
    [
      'and for as many jobs of it as halve the slots',
      8,
      [...times(8, 'b a running'), ...times(20, 'b c waiting')],
      'host',
      { a: 4, c: 4 },
    ],
    [
      'no host holds more than its share while hosts below theirs wait',
      8,
      [...times(8, 'b a running'), ...['c', 'd', 'e'].flatMap((host) => times(5, `b ${host} waiting`))],
      'host',
      { a: 2, c: 2, d: 2, e: 2 },
    ],
    [
      'many hosts within their shares leave room for another',
      4,
      [...['a', 'c'].flatMap((host) => times(2, `b ${host} running`)), 'b d waiting'],
      'host',
      { d: 1 },
    ],
    [
      'a host uses its share once for all back ends',
      8,
      [...['b1', 'b2', 'b3', 'b4'].flatMap((backend) => times(2, `${backend} a running`)), 'b5 c waiting'],
      'host',
      { c: 1, a: 7 },
    ],
    [
      'back ends get equally many, whatever their hosts',
      8,
      [
        ...['a', 'c', 'd', 'e'].flatMap((host) => times(2, `b1 ${host} running`)),
        ...['f', 'g', 'h', 'i'].flatMap((host) => times(5, `b2 ${host} waiting`)),
      ],
      'backend',
      { b1: 4, b2: 4 },
    ],
    [
      'a copy older than a slice makes room for another host',
      2,
      ['b a running 2000', 'b c running 1999', 'b d waiting'],
      'host',
      { c: 1, d: 1 },
    ],
    [
      'a copy within its slice makes room for nobody with as few slots',
      2,
      ['b a running 1999', 'b c running 1999', 'b d waiting'],
      'host',
      { a: 1, c: 1 },
    ],
  ])('%s', (_what, slots, texts, by, shared) => {
    const of = uses(...texts);
    settle(of, slots);
    expect(running(of, by)).toMatchObject(shared);
  });

  test('a copy older than a slice makes room for a job of its own host', () => {
    const of = uses('b a running 1999', 'b a running 5000', 'b a waiting');
    expect(settle(of, 2)).toBe(1);
    expect(of.map(({ state }) => state)).toEqual(['running', 'paused', 'running']);
  });

  test('if as many copies are paused as may be, only a slow one makes room for a job of its host that has not begun', () => {
    const limits = { ...rules(2), mostPaused: 1 };
    const start = (running: string): string | undefined =>
      nextMove(uses('b a running 0', running, 'b a paused 1', 'b a waiting 9'), limits, NOW_MS)?.start.name;
    expect(start('b a running 5000 slow')).toBe('b a waiting 9');
    expect(start('b a running 5000')).toBe('b a paused 1');
    expect(start('b a running 1')).toBeUndefined();
    const other = nextMove(uses('b c running 5000', 'b a paused 1', 'b a waiting 9'), rules(1), NOW_MS);
    expect(other?.start.name).toBe('b a waiting 9');
    const free = nextMove(uses('b a paused 1', 'b a waiting 9'), rules(1), NOW_MS);
    expect(free).toMatchObject({ start: { name: 'b a paused 1' }, instead: null });
  });

  test('a copy within the share of its host makes room for no other job of the host', () => {
    expect(nextMove(uses('b a running 1000000 slow', 'b a waiting 9'), rules(1), NOW_MS)).toBeNull();
  });

  test('a job that has not begun goes before a paused copy, but not for ever', () => {
    const order = (...texts: string[]): string | undefined =>
      nextMove(uses(...texts), { ...rules(1), mostPaused: 2 }, NOW_MS)?.start.name;
    expect(order('b a paused 9999', 'b a waiting')).toBe('b a waiting');
    expect(order('b a paused 10001', 'b a waiting')).toBe('b a paused 10001');
    expect(order('b a waiting 1', 'b a waiting 2')).toBe('b a waiting 2');
    expect(order('b a waiting 9 returned', 'b a waiting 1')).toBe('b a waiting 1');
  });

  test('whatever the uses are, the moves end, no slot stays free, and no host over its share keeps out one below it', () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 500; round += 1) {
      const slots = 1 + random(12);
      const [hosts, backends] = [1 + random(6), 1 + random(4)];
      const state = (index: number): string =>
        index < slots && random(3) > 0 ? 'running' : (['waiting', 'paused'][random(2)] ?? '');
      const of = uses(
        ...Array.from(
          { length: random(40) },
          (_, index) => `b${random(backends)} h${random(hosts)} ${state(index)} ${random(4_000)}`,
        ),
      );
      settle(of, slots);
      const held = running(of, 'host');
      const waiting = of.filter((use) => use.state !== 'running');
      const total = of.length - waiting.length;
      expect(total).toBe(Math.min(slots, of.length));
      const cap = slotsPerHost(slots, 0.25);
      const someBelow = waiting.some(({ host }) => (held[host] ?? 0) < cap);
      if (someBelow) expect(Math.max(...Object.values(held))).toBeLessThanOrEqual(cap);
    }
  });
});

test('the job to give back is one that was given back before, else the newest, of the group with most of them', () => {
  const [first, second, other] = uses('b a waiting 2', 'b a waiting 1', 'b c waiting 0');
  const waiting = [first, second, other].flatMap((use) => use ?? []);
  expect(surplus(waiting, [])).toBe(second);
  expect(surplus(waiting, uses('b c running', 'b c paused'))).toBe(other);
  const [returned, fresh] = uses('b a waiting 2 returned', 'b a waiting 1');
  expect(
    surplus(
      [returned, fresh].flatMap((use) => use ?? []),
      [],
    ),
  ).toBe(returned);
  expect(surplus([], [])).toBeNull();
});

test('the slowest copy is the one with the fewest bytes for its age', () => {
  const fast = { bytes: 1_000, ageMs: 10 };
  const slow = { bytes: 5_000, ageMs: 1_000 };
  expect(slowest([fast, slow])).toBe(slow);
  expect(slowest([])).toBeNull();
});
