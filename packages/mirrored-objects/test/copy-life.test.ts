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

describe('when the store removes an object', () => {
  test('is what the store says, where it says so', () => {
    const expiresAt = new Date(NOW + 30 * HOUR_MS);
    expect(expiryOf({ lifespanDays: 1 }, stored({ expiresAt }))).toBe(expiresAt.getTime());
  });

  test('is otherwise its lifespan after it was stored', () => {
    expect(expiryOf({ lifespanDays: 2 }, stored())).toBe(NOW + 48 * HOUR_MS);
  });

  test('is never, where objects stay until room is needed', () => {
    expect(expiryOf({ lifespanDays: null }, stored())).toBeNull();
  });
});

describe('an entry of a stored object', () => {
  test('says what the store says, and the digest where the object carries it', () => {
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
    'takes no digest from its metadata that is none: %j',
    (sha256) => {
      expect(copyOf({ lifespanDays: 1 }, stored({ metadata: { sha256 } }), '').sha256).toBeNull();
    },
  );

  test.each([
    ['no expiry', null, LIFE.ttlSeconds * 1000],
    ['an expiry far away', NOW + 100 * HOUR_MS, LIFE.ttlSeconds * 1000],
    ['an expiry before its own end', NOW + 2 * HOUR_MS, 2 * HOUR_MS - 600_000],
    ['an expiry at the margin', NOW + 600_000, 0],
    ['an expiry in the past', NOW - 1, -600_001],
  ])('lives, with %s, as long as it should', (_, expiresAt, lifeMs) => {
    expect(entryLifeMs({ expiresAt }, LIFE, NOW)).toBe(lifeMs);
  });
});
