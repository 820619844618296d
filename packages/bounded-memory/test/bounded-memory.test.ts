import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedMemory, stringHash } from '../src/index.ts';
import { SLOT_BYTES } from '../src/bounded-memory.ts';

function memoryOf(maxBytes: number, bytesOf: (key: string, value: number) => number = () => 100) {
  return new BoundedMemory<string, number>({ maxBytes, bytesOf, hashOf: stringHash });
}

/** Room for so many values of 100 bytes. */
function roomFor(values: number): number {
  return values * (100 + SLOT_BYTES);
}

const KEY = fc.integer({ min: 0, max: 30 }).map(String);
const ACTION = fc.oneof(
  fc.record({ kind: fc.constant('get' as const), key: KEY }),
  fc.record({ kind: fc.constant('set' as const), key: KEY, value: fc.integer({ min: 1, max: 2_000 }) }),
  fc.record({ kind: fc.constant('delete' as const), key: KEY }),
  fc.record({ kind: fc.constant('clear' as const) }),
);

describe('a bounded memory', () => {
  test('has the last value of a key or none, and never more bytes than it may', () => {
    fc.assert(
      fc.property(
        fc.array(ACTION, { maxLength: 300 }),
        fc.integer({ min: 0, max: 6_000 }),
        (actions, maxBytes) => {
          const memory = memoryOf(maxBytes, (_key, value) => value);
          const model = new Map<string, number>();
          for (const action of actions) {
            if (action.kind === 'get') {
              const found = memory.get(action.key);
              if (found !== undefined) expect(found).toBe(model.get(action.key));
            } else if (action.kind === 'set') {
              memory.set(action.key, action.value);
              model.set(action.key, action.value);
            } else if (action.kind === 'delete') {
              memory.delete(action.key);
              model.delete(action.key);
              expect(memory.get(action.key)).toBeUndefined();
            } else {
              memory.clear();
              model.clear();
              expect(memory.bytes).toBe(0);
            }
            expect(memory.bytes).toBeLessThanOrEqual(maxBytes);
            expect(memory.size).toBeLessThanOrEqual(model.size);
          }
          const kept = [...model].filter(([key]) => memory.get(key) !== undefined);
          expect(memory.size).toBe(kept.length);
          expect(memory.bytes).toBe(kept.reduce((sum, [, value]) => sum + value + SLOT_BYTES, 0));
        },
      ),
    );
  });

  test('keeps everything while there is room', () => {
    const memory = memoryOf(roomFor(1_000));
    for (let key = 0; key < 1_000; key += 1) memory.set(String(key), key);
    for (let key = 0; key < 1_000; key += 1) expect(memory.get(String(key))).toBe(key);
  });

  test('a scan of many keys does not evict what is used', () => {
    const memory = memoryOf(roomFor(1_000));
    const hot = Array.from({ length: 500 }, (_, key) => `hot ${key}`);
    for (const key of hot) memory.set(key, 1);
    for (const key of hot) memory.get(key);
    for (let scanned = 0; scanned < 100_000; scanned += 1) memory.set(`scanned ${scanned}`, 0);
    expect(hot.filter((key) => memory.get(key) === 1)).toHaveLength(hot.length);
  });

  test('what is no longer used makes room for what is', () => {
    const memory = memoryOf(roomFor(1_000));
    for (const era of ['old', 'new'])
      for (let turn = 0; turn < 20; turn += 1)
        for (let key = 0; key < 900; key += 1)
          if (memory.get(`${era} ${key}`) === undefined) memory.set(`${era} ${key}`, turn);
    const kept = (era: string): number =>
      Array.from({ length: 900 }, (_, key) => memory.get(`${era} ${key}`)).filter((one) => one !== undefined)
        .length;
    expect(kept('new')).toBeGreaterThan(700);
    expect(kept('old')).toBeLessThan(300);
  });

  test('a key that comes back soon after its eviction is kept in a scan', () => {
    const memory = memoryOf(roomFor(1_000));
    for (let key = 0; key < 2_000; key += 1) memory.set(`scanned ${key}`, 0);
    expect(memory.get('scanned 10')).toBeUndefined();
    memory.set('scanned 10', 7);
    for (let key = 3_000; key < 3_500; key += 1) memory.set(`scanned ${key}`, 0);
    expect(memory.get('scanned 10')).toBe(7);
  });

  test('counts the bytes that its structures take', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const count = 50_000;
    const keys = Array.from({ length: count }, (_, key) => `key number ${key}`);
    const memory = memoryOf(Infinity, () => 0);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (const key of keys) memory.set(key, 1);
    collect();
    const taken = process.memoryUsage().heapUsed - before;
    expect(memory.size).toBe(count);
    expect(taken).toBeLessThan(memory.bytes);
  });
});
