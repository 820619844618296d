import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { StorageError, type CallOptions, type UploadSweeper } from '@cloud-mirror/storage-provider';
import type { CallGate } from '@cloud-mirror/testing/wrappers/call-gate';
import { GatedStore } from '@cloud-mirror/testing/wrappers/gated-store';
import { sweepUploads } from '../src/upload-sweep.ts';
import { openCopier, type CopierFixture } from './copier-fixture.ts';

/** A store that aborts one abandoned upload at each sweep. */
class SweptStore extends GatedStore implements UploadSweeper {
  readonly #sweep: (olderThanMs: number) => Promise<number>;

  constructor(inner: Backend, gate: CallGate) {
    super(inner.store, gate, `store ${inner.region}`);
    const call = { part: `store ${inner.region}`, method: 'sweepUploads', subject: '' };
    this.#sweep = (olderThanMs) => gate.run({ ...call, options: olderThanMs }, () => Promise.resolve(1));
  }

  sweepUploads(olderThanMs: number, options?: CallOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    return this.#sweep(olderThanMs);
  }
}

const SWEEP = { method: 'sweepUploads' };

let fixture: CopierFixture;
beforeEach(async () => {
  fixture = await openCopier();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Runs a sweep until `expected` back ends are reported, stops it, and returns the reports. */
async function sweep(backends: readonly Backend[], expected: number): Promise<Record<string, unknown>> {
  const stopping = new AbortController();
  const reported: Record<string, unknown> = {};
  const sweeping = sweepUploads(
    backends,
    24,
    ({ region }, result) => {
      reported[region] = 'error' in result ? (result.error as Error).message : result.ended;
    },
    stopping.signal,
  );
  while (Object.keys(reported).length < expected) await sleep(0);
  stopping.abort();
  await sweeping;
  return reported;
}

function swept(): Backend[] {
  const { here, there, gate } = fixture.mirror;
  return [here, there].map((region) => ({ ...region, store: new SweptStore(region, gate) }));
}

test('abandoned uploads of every back end are aborted once they are old enough', async () => {
  expect(await sweep(swept(), 2)).toEqual({ here: 1, there: 1 });
  for (const { options } of fixture.mirror.gate.of(SWEEP)) expect(options).toBe(24 * 3_600_000);
});

test('a failure in one back end is reported and does not affect the others', async () => {
  const part = { ...SWEEP, part: 'store here' };
  using _down = fixture.mirror.gate.fail(part, () => new StorageError('store_unavailable', 'down'));
  expect(await sweep(swept(), 2)).toEqual({ here: 'down', there: 1 });
});

test('a store without uploads is skipped', async () => {
  const [, there] = swept();
  if (there === undefined) throw new Error('there are two regions');
  expect(await sweep([fixture.mirror.here, there], 1)).toEqual({ there: 1 });
});
