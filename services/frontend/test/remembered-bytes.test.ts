import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mirroredObject, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import { parseRequestTarget } from '@cloud-mirror/http-service';
import { offlineBucket } from '@cloud-mirror/testing/offline-bucket';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { entryBytes, RememberedAnswers } from '../src/redirect/remembered-answers.ts';
import { FakeCacheManager, fakeBackend } from './support/fake-cache-manager.ts';
import { base64url } from './support/frontend-under-test.ts';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => opened.disposeAsync());

class OneCopyEach extends FakeCacheManager {
  readonly copies = new WeakMap<MirroredObject, Copy>();

  override recallHit(object: MirroredObject): Copy {
    const known = this.copies.get(object);
    if (known !== undefined) return known;
    const copy = {
      generation: '',
      sizeBytes: 7,
      sha256: 'ab'.repeat(32),
      etag: '"e"',
      storedAt: 0,
      expiresAt: null,
    };
    this.copies.set(object, copy);
    return copy;
  }
}

function startAnswers(rememberedBytes: number | null) {
  const manager = new OneCopyEach();
  const backend = { ...fakeBackend('s3/us-west-1'), store: opened.use(offlineBucket('public')) };
  const tally = {} as never;
  const answers = new RememberedAnswers({
    server: { redirectMaxAgeSeconds: 0, rememberedBytes },
    cacheManager: manager,
    metrics: { tallyOf: () => tally },
  });
  const hit = async (url: string, ending = ''): Promise<void> => {
    // Parsed from bytes, as node:http parses a request: a flat string.
    const line = Buffer.from(`/v1/redirect/s3/us-west-1/${base64url(url)}${ending}`).toString();
    const object = mirroredObject(backend, url);
    const named = { kind: 'redirect', service: 's3', region: 'us-west-1', fault: null } as const;
    const call = { ...named, target: parseRequestTarget(line), url: new URL(url), object };
    expect(await answers.find(answers.callOf(line) ?? answers.begin(line, call))).toMatchObject({
      signedFor: null,
    });
  };
  return { answers, hit };
}

function urlOf(number: number): string {
  return `https://artifacts.example.com/builds/${String(number).padStart(40, '0')}/x86_64-linux/target.tar.zst`;
}

describe('remembered calls', () => {
  test('take no more memory than they count', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { answers, hit } = startAnswers(1e9);
    for (let number = 0; number < 1_000; number += 1) await hit(urlOf(number));
    collect();
    const before = process.memoryUsage().heapUsed - answers.bytes;
    for (let number = 1_000; number < 21_000; number += 1) await hit(urlOf(number));
    collect();
    const taken = process.memoryUsage().heapUsed - before;
    expect(taken).toBeLessThan(answers.bytes);
  });

  test('take at most half of the heap if the configuration says nothing', () => {
    const half = Math.min(256 * 1024 * 1024, getHeapStatistics().heap_size_limit / 2);
    expect(entryBytes({ rememberedBytes: null })).toBeCloseTo(half * 0.28, 0);
    expect(entryBytes({ rememberedBytes: 1_000_000 })).toBeCloseTo(280_000, 0);
  });

  test('never count more bytes than their share, however long their targets', async () => {
    const { answers, hit } = startAnswers(1_000_000);
    for (let number = 0; number < 1_000; number += 1) {
      await hit(urlOf(number), `?n=${'x'.repeat(number)}`);
      expect(answers.bytes).toBeLessThan(750_000);
    }
    expect(answers.bytes).toBeGreaterThan(500_000);
  });

  test('an answer that is requested often stays while others are scanned', async () => {
    const { answers, hit } = startAnswers(1_000_000);
    const lineOf = (number: number): string => `/v1/redirect/s3/us-west-1/${base64url(urlOf(number))}`;
    for (let number = 0; number < 2; number += 1) await hit(urlOf(7));
    for (let number = 1_000; number < 5_000; number += 1) await hit(urlOf(number));
    expect(answers.callOf(lineOf(7))).toBeDefined();
    expect(answers.callOf(lineOf(1_000))).toBeUndefined();
  });
});
