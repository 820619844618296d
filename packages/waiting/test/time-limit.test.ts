import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { orAborted, pause, runWithin, TimeLimit } from '../src/index.ts';

const LONG_MS = 2 ** 31 - 1;
const NEVER = new Promise<never>(() => undefined);
const late = (): Error => new Error('late');

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

describe('TimeLimit', () => {
  test('aborts with its reason when the time is over', async () => {
    using limit = new TimeLimit(1, late);
    await aborted(limit.signal);
    expect(limit.signal.reason).toEqual(late());
    expect(limit.timedOut).toBe(true);
  });

  test.each(['before', 'afterwards'])('aborts with a signal that was aborted %s', (when) => {
    const controller = new AbortController();
    const reason = new Error('gone');
    if (when === 'before') controller.abort(reason);
    using limit = new TimeLimit(LONG_MS, late);
    limit.endOn(controller.signal);
    controller.abort(reason);
    expect(limit.signal.reason).toBe(reason);
    expect(limit.timedOut).toBe(false);
  });

  test('aborts a grace period after a signal, with the reason of that signal', async () => {
    const controller = new AbortController();
    const reason = new Error('gone');
    using limit = new TimeLimit(LONG_MS, late);
    limit.shortenOn(controller.signal, 1);
    controller.abort(reason);
    expect(limit.signal.aborted).toBe(false);
    await aborted(limit.signal);
    expect(limit.signal.reason).toBe(reason);
  });

  test('leaves no listener behind', () => {
    const { signal } = new AbortController();
    {
      using limit = new TimeLimit(LONG_MS, late);
      limit.endOn(signal);
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('orAborted', () => {
  test('settles as the work does', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(orAborted(Promise.reject(new Error('why')), signal)).rejects.toThrow('why');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test.each(['before', 'afterwards'])('rejects with the reason of a signal aborted %s', async (when) => {
    const controller = new AbortController();
    const reason = new Error('gone');
    if (when === 'before') controller.abort(reason);
    const waiting = orAborted(NEVER, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe('runWithin', () => {
  test('returns what the work returns', async () => {
    expect(await runWithin({ limitMs: LONG_MS, reason: late }, () => Promise.resolve(1))).toBe(1);
  });

  test('rejects when the time is over, even if the work ignores its signal', async () => {
    await expect(runWithin({ limitMs: 1, reason: late }, () => NEVER)).rejects.toThrow('late');
  });

  test('does not start the work if a signal is already aborted', async () => {
    let begun = false;
    const work = (): Promise<void> => {
      begun = true;
      return Promise.resolve();
    };
    const signals = [undefined, AbortSignal.abort(new Error('gone'))];
    await expect(runWithin({ limitMs: LONG_MS, reason: late, signals }, work)).rejects.toThrow('gone');
    expect(begun).toBe(false);
  });
});

describe('pause', () => {
  test('ends when its time is over', async () => {
    await expect(pause(1, new AbortController().signal)).resolves.toBeUndefined();
  });

  test.each(['before', 'afterwards'])('ends with a signal aborted %s, without an error', async (when) => {
    const controller = new AbortController();
    if (when === 'before') controller.abort();
    const waiting = pause(LONG_MS, controller.signal);
    controller.abort();
    await expect(waiting).resolves.toBeUndefined();
  });
});
