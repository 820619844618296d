import { expect, test } from 'vitest';
import { ChangeWaiters } from '../src/change-waiters.ts';
import { urlSha256 } from '@cloud-mirror/mirrored-objects';

const ONE = { backend: 'local/here', sha256: urlSha256('one') };
const OTHER = { backend: 'local/here', sha256: urlSha256('other') };
const ELSEWHERE = { ...ONE, backend: 'local/there' };

/** Whether a promise is settled by now, without waiting for it. */
async function settled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test('a change wakes everybody who waits for that object, and nobody else', async () => {
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

test('a copy that is begun, or goes on, wakes nobody: its end will', async () => {
  const waiters = new ChangeWaiters();
  using waiter = waiters.listen(ONE);
  waiters.notify({ type: 'changed', id: ONE, pending: true });
  expect(await settled(waiter.changed)).toBe(false);
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await waiter.changed;
});

test.each(['flushed', 'lost'] as const)('%s wakes everybody', async (type) => {
  const waiters = new ChangeWaiters();
  using one = waiters.listen(ONE);
  using elsewhere = waiters.listen(ELSEWHERE);
  waiters.notify({ type });
  await Promise.all([one.changed, elsewhere.changed]);
});

test('counts those that wait, each once, until they stop', () => {
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

test('who begins to wait after the last one stopped is woken', async () => {
  const waiters = new ChangeWaiters();
  waiters.listen(ONE)[Symbol.dispose]();
  using later = waiters.listen(ONE);
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await later.changed;
});

test('who stops while all are woken harms nobody', async () => {
  const waiters = new ChangeWaiters();
  const first = waiters.listen(ONE);
  using second = waiters.listen(ONE);
  const stopping = first.changed.then(() => first[Symbol.dispose]());
  waiters.notify({ type: 'changed', id: ONE, pending: false });
  await Promise.all([stopping, second.changed]);
  expect(waiters.count).toBe(1);
});
