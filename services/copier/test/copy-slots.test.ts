import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CopySlots, type CopySlotsOptions, type Pause } from '../src/copy-slots.ts';
import { TurnEndedError, type CopyTurn, type NoTurn } from '../src/copy-turn.ts';

const NEVER = new AbortController().signal;
const ATTACKER = { backend: 's3/here', host: 'slow.example', returns: 0 };
const TENANT = { backend: 's3/here', host: 'good.example', returns: 0 };

/** Slots without time slices, unless `options` says otherwise. */
function open(total: number, options: Partial<CopySlotsOptions> = {}): CopySlots {
  return new CopySlots({ total, hostShare: 0.25, sliceMs: Infinity, ...options });
}

async function granted(asked: Promise<CopyTurn | NoTurn>): Promise<CopyTurn> {
  const turn = await asked;
  if (typeof turn === 'string') throw new Error(`no turn: ${turn}`);
  return turn;
}

/** Whether a turn was granted or refused by now. */
async function isSettled(asked: Promise<unknown>): Promise<boolean> {
  await new Promise(setImmediate);
  return Promise.race([asked.then(() => true), Promise.resolve(false)]);
}

async function take(slots: CopySlots, count: number, request = ATTACKER): Promise<CopyTurn[]> {
  return Promise.all(Array.from({ length: count }, () => granted(slots.turn(request, NEVER))));
}

test('slots are free until they are taken, and again after they are released', async () => {
  const slots = open(2);
  const [first, second] = await take(slots, 2);
  expect([slots.taken, slots.free]).toEqual([2, 0]);
  first?.[Symbol.dispose]();
  first?.[Symbol.dispose]();
  expect([slots.taken, slots.free]).toEqual([1, 1]);
  second?.[Symbol.dispose]();
  expect([slots.taken, slots.free]).toEqual([0, 2]);
});

test('a slot is taken before the call returns its promise', () => {
  const slots = open(2);
  void slots.turn(ATTACKER, NEVER);
  expect(slots.free).toBe(1);
});

test('a job without a free slot waits for one', async () => {
  const slots = open(1);
  const [first] = await take(slots, 1);
  const waiting = slots.turn(ATTACKER, NEVER);
  expect(await isSettled(waiting)).toBe(false);
  first?.[Symbol.dispose]();
  expect((await granted(waiting)).state).toBe('running');
  expect(slots.taken).toBe(1);
});

test('a job of another host gets a slot of the host that holds more than its share, at once', async () => {
  const pauses: Pause[] = [];
  const slots = open(8, { onPaused: (pause) => pauses.push(pause) });
  const held = await take(slots, 8);
  const tenant = await granted(slots.turn(TENANT, NEVER));
  expect(tenant.state).toBe('running');
  expect(slots.taken).toBe(8);
  expect(held.map(({ state }) => state).sort()).toEqual([
    'paused',
    ...Array.from({ length: 7 }, () => 'running'),
  ]);
  expect(pauses).toEqual([
    { backend: ATTACKER.backend, host: ATTACKER.host, slots: 8, isOverShare: true, waiting: 1 },
  ]);
  tenant[Symbol.dispose]();
  expect(held.every(({ state }) => state === 'running')).toBe(true);
});

test('a paused copy stops reading, and goes on when it has a slot again', async () => {
  const slots = open(2);
  const [one, other] = await take(slots, 2);
  const [tenant] = await take(slots, 1, TENANT);
  const paused = one?.state === 'paused' ? one : other;
  expect([one?.state, other?.state].sort()).toEqual(['paused', 'running']);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
  }
  const read = paused?.paced(body(), NEVER).next() ?? Promise.reject(new Error('none is paused'));
  expect(await isSettled(read)).toBe(false);
  tenant?.[Symbol.dispose]();
  expect((await read).value).toHaveLength(3);
  expect(paused?.bytes).toBe(3);
});

test('a paused read ends when its signal is aborted', async () => {
  const slots = open(2);
  const held = await take(slots, 2);
  await take(slots, 1, TENANT);
  const paused = held.find(({ state }) => state === 'paused');
  async function* body(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
  }
  const ending = new AbortController();
  const read = paused?.paced(body(), ending.signal).next();
  const reason = new Error('the lease is lost');
  ending.abort(reason);
  await expect(read).rejects.toBe(reason);
});

test('the slowest copy ends if more copies would be paused than there are slots', async () => {
  const slots = open(2, { sliceMs: 1 });
  const turns = await take(slots, 2);
  await delay(5);
  // Each job that begins takes the slot of an older one, which is paused: two of them, and then one too many.
  for (const [index, turn] of turns.entries()) turn.bytes = 1_000_000 * (index + 1);
  const later = await take(slots, 2);
  for (const turn of later) turn.bytes = 1;
  // Long enough for a copy to count as slow.
  await delay(1_100);
  await take(slots, 1);
  const all = [...turns, ...later];
  const ended = all.filter(({ signal }) => signal.aborted);
  expect(ended).toHaveLength(1);
  expect(turns).not.toContain(ended[0]);
  expect(ended[0]?.signal.reason).toBeInstanceOf(TurnEndedError);
  expect(ended[0]?.state).toBe('over');
  expect(slots.taken).toBe(2);
});

test('more than 32 waiting jobs for fewer slots are given back: the newest of the largest group', async () => {
  const slots = open(2);
  await take(slots, 2);
  const attackers = Array.from({ length: 33 }, () => slots.turn(ATTACKER, NEVER));
  expect(await attackers[32]).toBe('too_many_waiting');
  expect(await isSettled(attackers[31] ?? Promise.resolve())).toBe(false);
  expect(slots.counts('s3/here')).toEqual({ running: 2, paused: 0, waiting: 32 });
  expect((await granted(slots.turn(TENANT, NEVER))).state).toBe('running');
  slots.close();
  expect(await Promise.all(attackers.slice(0, 32))).toEqual(Array.from({ length: 32 }, () => 'stopping'));
});

test('a job that no longer waits takes no slot', async () => {
  const slots = open(1);
  const [held] = await take(slots, 1);
  const ending = new AbortController();
  const waiting = slots.turn(ATTACKER, ending.signal);
  const reason = new Error('the delivery is lost');
  ending.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  held?.[Symbol.dispose]();
  expect(slots.taken).toBe(0);
  await expect(slots.turn(ATTACKER, ending.signal)).rejects.toBe(reason);
});

test('jobs that wait when the slots are closed go back, and a paused copy may still end', async () => {
  const slots = open(2);
  const held = await take(slots, 2);
  const [tenant] = await take(slots, 1, TENANT);
  const waiting = slots.turn(ATTACKER, NEVER);
  slots.close();
  expect(await waiting).toBe('stopping');
  expect(await slots.turn(ATTACKER, NEVER)).toBe('stopping');
  tenant?.[Symbol.dispose]();
  expect(held.every(({ state }) => state === 'running')).toBe(true);
});

test('a wait for free slots ends with a release, or when its signal is aborted', async () => {
  const slots = open(1);
  const [taken] = await take(slots, 1);
  const order: string[] = [];
  const waiting = [1, 2].map(async (waiter) => {
    await slots.untilFree(1, NEVER);
    order.push(`free for ${waiter}`);
  });
  await slots.untilFree(1, AbortSignal.abort());
  const ending = new AbortController();
  const aborted = slots.untilFree(1, ending.signal);
  ending.abort();
  await aborted;
  order.push('released');
  taken?.[Symbol.dispose]();
  await Promise.all(waiting);
  expect(order).toEqual(['released', 'free for 1', 'free for 2']);
});

test('the slots count as full as long as a job gets each slot that becomes free', async () => {
  const slots = open(2);
  expect(slots.fullSinceMs).toBeNull();
  const held = await take(slots, 2);
  const since = slots.fullSinceMs;
  expect(since).not.toBeNull();
  const [tenant] = await take(slots, 1, TENANT);
  tenant?.[Symbol.dispose]();
  expect(slots.fullSinceMs).toBe(since);
  held[0]?.[Symbol.dispose]();
  expect(slots.fullSinceMs).toBeNull();
});
