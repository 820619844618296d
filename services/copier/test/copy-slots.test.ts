import { expect, test } from 'vitest';
import { CopySlots } from '../src/copy-slots.ts';

const NEVER = new AbortController().signal;

test('slots are free until they are taken, and again when they are given back', () => {
  const slots = new CopySlots(2);
  const first = slots.take();
  const second = slots.take();
  expect([slots.taken, slots.free]).toEqual([2, 0]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect([slots.taken, slots.free]).toEqual([1, 1]);
  second[Symbol.dispose]();
  expect([slots.taken, slots.free]).toEqual([0, 2]);
});

test('more may be taken than are free: what was received is begun', () => {
  const slots = new CopySlots(1);
  using _first = slots.take();
  using _second = slots.take();
  expect([slots.taken, slots.free]).toEqual([2, 0]);
});

test('who waits for a free one gets on when there is one, everybody who waits', async () => {
  const slots = new CopySlots(1);
  const taken = slots.take();
  const order: string[] = [];
  const waiting = [1, 2].map(async (who) => {
    await slots.untilFree(1, NEVER);
    order.push(`free for ${who}`);
  });
  await new Promise(setImmediate);
  order.push('given back');
  taken[Symbol.dispose]();
  await Promise.all(waiting);
  expect(order).toEqual(['given back', 'free for 1', 'free for 2']);
});

test('who waits waits on where another was faster', async () => {
  const slots = new CopySlots(1);
  const first = slots.take();
  let free = false;
  const waiting = slots.untilFree(1, NEVER).then(() => (free = true));
  await new Promise(setImmediate);
  first[Symbol.dispose]();
  const second = slots.take();
  await new Promise(setImmediate);
  expect(free).toBe(false);
  second[Symbol.dispose]();
  await waiting;
});

test('nobody waits longer than the signal lets them', async () => {
  const slots = new CopySlots(1);
  using _taken = slots.take();
  await slots.untilFree(1, AbortSignal.abort());
  const ending = new AbortController();
  const waiting = slots.untilFree(1, ending.signal);
  ending.abort();
  await waiting;
});
