import { expect, test } from 'vitest';
import { ChangeWaiters } from '../src/change-waiters.ts';
import { urlSha256 } from '@cloud-mirror/mirrored-objects';

const ONE = { backend: 'local/here', sha256: urlSha256('one') };
const OTHER = { backend: 'local/here', sha256: urlSha256('other') };
const ELSEWHERE = { ...ONE, backend: 'local/there' };

/** Whether a promise has settled. Does not wait for it. */
async function settled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test('a change wakes every waiter of that object and no other', async () => {
  const waiters = new ChangeWaiters();
  using first = waiters.listen(ONE);
  using second = waiters.listen(ONE);
  using other = waiters.listen(OTHER);
  using elsewhere = waiters.listen(ELSEWHERE);
  waiters.notify({ type: 'changed', id: { ...ONE }, pending: false });
  await Promise.all([first.changed, second.changed]);
  expect(await settled(other.changed)).toBe(false);
  expect(await settled(elsewhere.changed)).toBe(false);
});

test('a change to pending wakes no waiter, and the next change does', async () => {
  const waiters = new ChangeWaiters();
  using waiter = waiters.listen(ONE);
  waiters.notify({ type: 'changed', id: ONE, pending: true });
  expect(await settled(waiter.changed)).toBe(false);
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await waiter.changed;
});

test.each(['flushed', 'lost'] as const)('%s wakes every waiter', async (type) => {
  const waiters = new ChangeWaiters();
  using one = waiters.listen(ONE);
  using elsewhere = waiters.listen(ELSEWHERE);
  waiters.notify({ type });
  await Promise.all([one.changed, elsewhere.changed]);
});

test('counts each waiter once until it is disposed', () => {
  const waiters = new ChangeWaiters();
  const first = waiters.listen(ONE);
  const second = waiters.listen(ONE);
  expect(waiters.count).toBe(2);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(waiters.count).toBe(1);
  second[Symbol.dispose]();
  expect(waiters.count).toBe(0);
});

test('a waiter that registers after the last one was disposed is woken', async () => {
  const waiters = new ChangeWaiters();
  waiters.listen(ONE)[Symbol.dispose]();
  using later = waiters.listen(ONE);
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await later.changed;
});

test('a waiter that is disposed during a wake-up does not affect the others', async () => {
  const waiters = new ChangeWaiters();
  const first = waiters.listen(ONE);
  using second = waiters.listen(ONE);
  const stopping = first.changed.then(() => first[Symbol.dispose]());
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await Promise.all([stopping, second.changed]);
  expect(waiters.count).toBe(1);
});
