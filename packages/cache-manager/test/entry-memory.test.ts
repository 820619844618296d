import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryMemory, GREATEST_MEMORY_AGE_MS } from '../src/entry-memory.ts';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';
import { MemoryEntryStore, type Entry } from '@cloud-mirror/entry-store';
import { CallGate } from '@cloud-mirror/testing/wrappers/call-gate';
import { GatedEntryStore } from '@cloud-mirror/testing/wrappers/gated-entry-store';
import { ReplaceableEntryStore } from '@cloud-mirror/testing/wrappers/replaceable-entry-store';

const TIMES = { ttlSeconds: 3600, expiryMarginSeconds: 600 };
const GET = { part: 'entries', method: 'get' };
const SEAL = { part: 'entries', method: 'seal' };

let entries: ReplaceableEntryStore;
let gate: CallGate;
let memory: EntryMemory;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  entries = new ReplaceableEntryStore(new MemoryEntryStore());
  gate = new CallGate();
  // The tests check the seal themselves.
  memory = new EntryMemory({
    entries: new GatedEntryStore(entries, gate),
    times: TIMES,
    checkIntervalMs: 1e6,
  });
});
afterEach(async () => {
  memory[Symbol.dispose]();
  await entries[Symbol.asyncDispose]();
  vi.useRealTimers();
});

function objectOf(number: number): ObjectId {
  return { backend: 'local/here', sha256: String(number).padStart(64, '0') };
}

const ID = objectOf(1);

/** Writes a `present` entry, as a copier does. */
async function commit(id: ObjectId, copy: Partial<Copy> = {}, ttlMs = 3_600_000): Promise<void> {
  const token = `token of ${id.sha256}`;
  await entries.drop(id);
  await entries.claim(id, { token, leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const fields = {
    generation: '',
    sizeBytes: 1,
    sha256: null,
    etag: null,
    storedAt: Date.now(),
    expiresAt: null,
  };
  await entries.commit(id, token, { ...fields, ...copy }, ttlMs);
}

describe('remembered entries', () => {
  test('a present entry is remembered after it was read, until its age limit', async () => {
    await commit(ID);
    expect(memory.recall(ID)).toBeNull();
    const read = await memory.read(ID);
    expect(memory.recall(ID)).toEqual(read);
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
    expect(memory.recall(ID)).toEqual(read);
    expect(gate.count(GET)).toBe(1);
  });

  test('the age counts from the start of the read, however long the answer takes', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 100);
    pause.resume();
    await reading;
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(100);
    expect(memory.recall(ID)).toBeNull();
  });

  test('an entry that is not present is not remembered', async () => {
    await entries.claim(ID, { token: 'a', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    expect(await memory.read(ID)).toMatchObject({ state: 'pending' });
    expect(memory.recall(ID)).toBeNull();
  });

  test('no entry is remembered beyond the life of its copy', async () => {
    await commit(ID, { expiresAt: Date.now() + TIMES.expiryMarginSeconds * 1000 + 300 });
    await memory.read(ID);
    vi.advanceTimersByTime(299);
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(1);
    expect(memory.recall(ID)).toBeNull();
  });

  test('no entry is remembered beyond its own life', async () => {
    await commit(ID);
    vi.advanceTimersByTime(TIMES.ttlSeconds * 1000 - 300);
    await memory.read(ID);
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(300);
    expect(memory.recall(ID)).toBeNull();
  });

  test('a change by any process removes that entry and no other', async () => {
    const other = objectOf(2);
    for (const id of [ID, other]) {
      await commit(id);
      await memory.read(id);
    }
    await entries.drop(ID);
    expect(memory.recall(ID)).toBeNull();
    expect(memory.recall(other)).not.toBeNull();
  });

  test.each(['lost', 'flushed'] as const)('the message %s removes every entry', async (type) => {
    await commit(ID);
    await memory.read(ID);
    entries.tell({ type });
    expect(memory.recall(ID)).toBeNull();
  });

  test('a new connection removes every entry, even without a message', async () => {
    await commit(ID);
    await memory.read(ID);
    entries.deaf = true;
    const other = new MemoryEntryStore();
    const tell = vi.spyOn(entries, 'tell').mockImplementation(() => undefined);
    entries.replace(other);
    tell.mockRestore();
    expect(memory.recall(ID)).toBeNull();
    expect(await memory.read(ID)).toBeNull();
  });

  test('an entry is not remembered if the connection changed during its read', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    entries.replace(new MemoryEntryStore());
    pause.resume();
    expect(await reading).not.toBeNull();
    expect(memory.recall(ID)).toBeNull();
  });

  test.each(['changed', 'flushed', 'lost'] as const)(
    'an entry is not remembered if a message (%s) arrived during its read, but a later read is',
    async (type) => {
      await commit(ID);
      using pause = gate.pause(GET, 'answer');
      const reading = memory.read(ID);
      await pause.reached;
      entries.tell(type === 'changed' ? { type, id: ID, pending: false } : { type });
      pause.resume();
      expect(await reading).not.toBeNull();
      expect(memory.recall(ID)).toBeNull();
      await memory.read(ID);
      expect(memory.recall(ID)).not.toBeNull();
    },
  );

  test('an entry is remembered although another object changed during its read', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    entries.tell({ type: 'changed', id: objectOf(2), pending: false });
    pause.resume();
    await reading;
    expect(memory.recall(ID)).not.toBeNull();
  });

  test('the oldest entries are dropped when the memory is full', async () => {
    const count = 135_000;
    for (let number = 1; number <= count; number += 1) {
      await commit(objectOf(number));
      await memory.read(objectOf(number));
    }
    expect(memory.recall(objectOf(1))).toBeNull();
    expect(memory.recall(objectOf(count))).not.toBeNull();
  });
});

describe('remembered entries under an unbroken seal', () => {
  /** Remembers the entry under a seal. */
  async function remember(id: ObjectId = ID): Promise<void> {
    await commit(id);
    await memory.checkSeal();
    await memory.read(id);
  }

  test('stay valid with each check that finds the seal unbroken, without another read', async () => {
    await remember();
    for (let checks = 0; checks < 5; checks += 1) {
      vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
      await memory.checkSeal();
      expect(memory.recall(ID)).not.toBeNull();
    }
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
    expect(gate.count(GET)).toBe(1);
  });

  test('are removed by the first check after a drop without a message', async () => {
    await remember();
    await memory.checkSeal();
    entries.deaf = true;
    await entries.drop(ID);
    expect(memory.recall(ID)).not.toBeNull();
    await memory.checkSeal();
    expect(memory.recall(ID)).toBeNull();
    // A seal that is learnt now does not vouch for earlier reads.
    await memory.checkSeal();
    expect(memory.recall(ID)).toBeNull();
  });

  test('end at their age limit after a drop if the seal cannot be read', async () => {
    await remember();
    entries.deaf = true;
    await entries.drop(ID);
    using _silent = gate.fail(SEAL, () => new Error('no answer'));
    await expect(memory.checkSeal()).rejects.toThrow('no answer');
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
  });

  test('count their age from the start of the check, however long its answer takes', async () => {
    await remember();
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS / 2);
    using pause = gate.pause(SEAL, 'answer');
    const checking = memory.checkSeal();
    await pause.reached;
    entries.deaf = true;
    await entries.drop(ID);
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
    pause.resume();
    await checking;
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(1);
    expect(memory.recall(ID)).toBeNull();
  });

  test('are not kept if the seal was learnt during their read', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    entries.deaf = true;
    await entries.drop(ID);
    await memory.checkSeal();
    pause.resume();
    expect(await reading).not.toBeNull();
    await memory.checkSeal();
    expect(memory.recall(ID)).toBeNull();
  });

  test('are not kept if the connection was replaced during the check', async () => {
    await remember();
    using pause = gate.pause(SEAL, 'answer');
    const checking = memory.checkSeal();
    await pause.reached;
    const replacement = new MemoryEntryStore();
    entries.deaf = true;
    entries.replace(replacement);
    await memory.read(ID);
    pause.resume();
    await checking;
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
  });

  test('are read again after half the expiry margin, because the entry store has a different clock', async () => {
    await remember();
    let known = 0;
    while (known < 600_000) {
      vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS / 2);
      await memory.checkSeal();
      if (memory.recall(ID) === null) break;
      known += GREATEST_MEMORY_AGE_MS / 2;
    }
    expect(known).toBe((TIMES.expiryMarginSeconds * 1000) / 2 - GREATEST_MEMORY_AGE_MS / 2);
  });

  test('are checked at an interval until the memory is disposed', async () => {
    memory[Symbol.dispose]();
    memory = new EntryMemory({
      entries: new GatedEntryStore(entries, gate),
      times: TIMES,
      checkIntervalMs: 1,
    });
    await gate.seen(SEAL, 3);
    memory[Symbol.dispose]();
    const checks = gate.count(SEAL);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(gate.count(SEAL)).toBe(checks);
  });
});

describe('the bytes of remembered entries', () => {
  /** Reads `count` entries, each parsed from its own text as an entry store does, and remembers them. */
  async function fill(maxBytes: number, count: number): Promise<EntryMemory> {
    const small = new EntryMemory({
      entries: {
        epoch: 1,
        seal: async () => 'seal',
        subscribe: () => ({ [Symbol.dispose]: () => undefined }),
        get: async ({ sha256 }) =>
          JSON.parse(
            JSON.stringify({
              state: 'present',
              token: sha256.slice(-22),
              since: Date.now() + 0.5,
              generation: '',
              sizeBytes: 2 ** 40 + Number(sha256.slice(-9)),
              sha256,
              etag: `"${sha256.slice(-32)}"`,
              storedAt: Date.now() + 0.5,
              expiresAt: Date.now() + 3_600_000.5,
            }),
          ) as Entry,
      },
      times: TIMES,
      checkIntervalMs: 1e6,
      maxBytes,
    });
    for (let number = 0; number < count; number += 1) await small.read(objectOf(number));
    return small;
  }

  test('count at least what they take', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    using warm = await fill(Infinity, 1_000);
    collect();
    const before = process.memoryUsage().heapUsed;
    using full = await fill(Infinity, 30_000);
    collect();
    const taken = process.memoryUsage().heapUsed - before;
    expect(warm.bytes).toBeGreaterThan(0);
    expect(taken).toBeLessThan(full.bytes);
  });

  test('are bounded, and what is read often stays while others are scanned', async () => {
    using small = await fill(100_000, 10);
    for (let number = 0; number < 10; number += 1) expect(small.recall(objectOf(number))).not.toBeNull();
    for (let number = 1_000; number < 3_000; number += 1) {
      await small.read(objectOf(number));
      expect(small.bytes).toBeLessThanOrEqual(100_000);
    }
    for (let number = 0; number < 10; number += 1) expect(small.recall(objectOf(number))).not.toBeNull();
    expect(small.recall(objectOf(1_500))).toBeNull();
  });
});
