import { expect, test } from 'vitest';
import { CopySlots } from '../src/copy-slots.ts';

const NEVER = new AbortController().signal;

test('slots are free until they are taken, and again after they are released', () => {
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

test('more slots may be taken than are free, so that received jobs start', () => {
  const slots = new CopySlots(1);
  using _first = slots.take();
  using _second = slots.take();
  expect([slots.taken, slots.free]).toEqual([2, 0]);
});

test('a released slot wakes every waiter', async () => {
  const slots = new CopySlots(1);
  const taken = slots.take();
  const order: string[] = [];
  const waiting = [1, 2].map(async (waiter) => {
    await slots.untilFree(1, NEVER);
    order.push(`free for ${waiter}`);
  });
  await new Promise(setImmediate);
  order.push('released');
  taken[Symbol.dispose]();
  await Promise.all(waiting);
  expect(order).toEqual(['released', 'free for 1', 'free for 2']);
});

test('a waiter keeps waiting if another one takes the slot first', async () => {
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

test('an aborted signal ends the wait', async () => {
  const slots = new CopySlots(1);
  using _taken = slots.take();
  await slots.untilFree(1, AbortSignal.abort());
  const ending = new AbortController();
  const waiting = slots.untilFree(1, ending.signal);
  ending.abort();
  await waiting;
});
