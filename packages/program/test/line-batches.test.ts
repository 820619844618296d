import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LineBatches } from '../src/line-batches.ts';

let written: string[];
let events: string[];
let batches: LineBatches;
beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  events = [];
  batches = new LineBatches({
    write: (text) => {
      written.push(text);
      events.push('write');
    },
    flushSync: () => events.push('flushSync'),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

test('lines are written as one batch, in order, after a tenth of a second', () => {
  batches.write('one\n');
  vi.advanceTimersByTime(60);
  batches.write('two\n');
  expect(written).toEqual([]);
  vi.advanceTimersByTime(40);
  expect(written).toEqual(['one\ntwo\n']);
  batches.write('three\n');
  vi.advanceTimersByTime(100);
  expect(written).toEqual(['one\ntwo\n', 'three\n']);
});

test('a full batch is written at once', () => {
  const line = `${'x'.repeat(999)}\n`;
  for (let number = 0; number < 70; number += 1) batches.write(line);
  expect(written).toEqual([line.repeat(66)]);
  vi.advanceTimersByTime(100);
  expect(written.join('')).toBe(line.repeat(70));
});

test('flushSync writes the buffered lines before it flushes the destination', () => {
  batches.write('last words\n');
  batches.flushSync();
  expect(written).toEqual(['last words\n']);
  expect(events).toEqual(['write', 'flushSync']);
  vi.advanceTimersByTime(1000);
  expect(written).toHaveLength(1);
});

test('lines after end() are dropped', () => {
  batches.write('one\n');
  batches.end();
  batches.write('two\n');
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['one\n']);
});
