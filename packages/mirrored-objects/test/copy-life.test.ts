import { describe, expect, test } from 'vitest';
import type { StoredObject } from '@cloud-mirror/storage-provider';
import { copyOf, entryLifeMs, expiryOf } from '../src/copy-life.ts';

const NOW = Date.UTC(2026, 0, 2);
const HOUR_MS = 3_600_000;
const LIFE = { ttlSeconds: 84_600, expiryMarginSeconds: 600 };

function stored(object: Partial<StoredObject> = {}): StoredObject {
  return {
    sizeBytes: 5,
    etag: '"tag"',
    storedAt: new Date(NOW),
    expiresAt: null,
    headers: { contentType: 'text/plain' },
    metadata: {},
    ...object,
  };
}

describe('the expiry of an object', () => {
  test('is the one that the store states', () => {
    const expiresAt = new Date(NOW + 30 * HOUR_MS);
    expect(expiryOf({ lifespanDays: 1 }, stored({ expiresAt }))).toBe(expiresAt.getTime());
  });

  test('is the time of storing plus the lifespan if the store states none', () => {
    expect(expiryOf({ lifespanDays: 2 }, stored())).toBe(NOW + 48 * HOUR_MS);
  });

  test('is null in a store that keeps objects until it needs the space', () => {
    expect(expiryOf({ lifespanDays: null }, stored())).toBeNull();
  });
});

describe('the copy of a stored object', () => {
  test.each<[Record<string, string>, number]>([
    [{ 'upstream-content-length': '5000' }, 5000],
    [{}, 0],
    [{ 'upstream-content-length': 'five' }, 0],
  ])('has the length of its metadata if the store states none: %j', (metadata, sizeBytes) => {
    const copy = copyOf({ lifespanDays: 1 }, stored({ sizeBytes: null, metadata }), 'g1');
    expect(copy).toMatchObject({ sizeBytes });
  });

  test('has what the store states, and the digest if the metadata has one', () => {
    expect(copyOf({ lifespanDays: 1 }, stored({ metadata: { sha256: 'ab'.repeat(32) } }), 'g1')).toEqual({
      generation: 'g1',
      sizeBytes: 5,
      sha256: 'ab'.repeat(32),
      etag: '"tag"',
      storedAt: NOW,
      expiresAt: NOW + 24 * HOUR_MS,
    });
    expect(copyOf({ lifespanDays: null }, stored(), '').sha256).toBeNull();
  });

  test.each(['ab', 'AB'.repeat(32), 'a\nb: c', '\u0100', `${'ab'.repeat(32)}\n`])(
    'ignores a digest in the metadata that is not a SHA-256: %j',
    (sha256) => {
      expect(copyOf({ lifespanDays: 1 }, stored({ metadata: { sha256 } }), '').sha256).toBeNull();
    },
  );

  test.each([
    ['no expiry', null, LIFE.ttlSeconds * 1000],
    ['an expiry after the longest life', NOW + 100 * HOUR_MS, LIFE.ttlSeconds * 1000],
    ['an expiry within the longest life', NOW + 2 * HOUR_MS, 2 * HOUR_MS - 600_000],
    ['an expiry at the margin', NOW + 600_000, 0],
    ['an expiry in the past', NOW - 1, -600_001],
  ])('gets the right life as an entry with %s', (_, expiresAt, lifeMs) => {
    expect(entryLifeMs({ expiresAt }, LIFE, NOW)).toBe(lifeMs);
  });
});
