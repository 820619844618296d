import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryMemory, GREATEST_MEMORY_AGE_MS } from '../src/entry-memory.ts';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';
import { MemoryEntryStore } from '@cloud-mirror/entry-store';
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
  // Tests look by themselves.
  memory = new EntryMemory({ entries: new GatedEntryStore(entries, gate), times: TIMES, lookEveryMs: 1e6 });
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

/** A `present` entry, as a copier leaves it. */
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

describe('hits in memory', () => {
  test('a present entry is known for a moment after it was read, without another read', async () => {
    await commit(ID);
    expect(memory.recall(ID)).toBeNull();
    const read = await memory.read(ID);
    expect(memory.recall(ID)).toEqual(read);
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
    expect(memory.recall(ID)).toEqual(read);
    expect(gate.count(GET)).toBe(1);
  });

  test('its age counts from the start of the read, however long the answer takes', async () => {
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

  test('entries that are not present are read each time', async () => {
    await entries.claim(ID, { token: 'a', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    expect(await memory.read(ID)).toMatchObject({ state: 'pending' });
    expect(memory.recall(ID)).toBeNull();
  });

  test('no entry is known beyond the life of its copy', async () => {
    await commit(ID, { expiresAt: Date.now() + TIMES.expiryMarginSeconds * 1000 + 300 });
    await memory.read(ID);
    vi.advanceTimersByTime(299);
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(1);
    expect(memory.recall(ID)).toBeNull();
  });

  test('no entry is known beyond its own life', async () => {
    await commit(ID);
    vi.advanceTimersByTime(TIMES.ttlSeconds * 1000 - 300);
    await memory.read(ID);
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(300);
    expect(memory.recall(ID)).toBeNull();
  });

  test('a change that any process makes takes the entry away, and no other', async () => {
    const other = objectOf(2);
    for (const id of [ID, other]) {
      await commit(id);
      await memory.read(id);
    }
    await entries.drop(ID);
    expect(memory.recall(ID)).toBeNull();
    expect(memory.recall(other)).not.toBeNull();
  });

  test.each(['lost', 'flushed'] as const)('changes that were %s take everything away', async (type) => {
    await commit(ID);
    await memory.read(ID);
    entries.tell({ type });
    expect(memory.recall(ID)).toBeNull();
  });

  test('another connection takes everything away, whatever was told', async () => {
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

  test('what was read across a change of the connection is not remembered', async () => {
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
    'what was read while a change was told (%s) is not remembered, but what is read afterwards',
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

  test('a change of another object takes nothing away from a read under way', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    entries.tell({ type: 'changed', id: objectOf(2), pending: false });
    pause.resume();
    await reading;
    expect(memory.recall(ID)).not.toBeNull();
  });

  test('room is made for what was read last', async () => {
    const count = 135_000;
    for (let number = 1; number <= count; number += 1) {
      await commit(objectOf(number));
      await memory.read(objectOf(number));
    }
    expect(memory.recall(objectOf(1))).toBeNull();
    expect(memory.recall(objectOf(count))).not.toBeNull();
  });
});

describe('hits under an unbroken seal', () => {
  /** In memory, and under a seal. */
  async function remember(id: ObjectId = ID): Promise<void> {
    await commit(id);
    await memory.look();
    await memory.read(id);
  }

  test('stay known with each look that finds it so, without another read', async () => {
    await remember();
    for (let looks = 0; looks < 5; looks += 1) {
      vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
      await memory.look();
      expect(memory.recall(ID)).not.toBeNull();
    }
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
    expect(gate.count(GET)).toBe(1);
  });

  test('go with the first look after a drop that nobody told of', async () => {
    await remember();
    await memory.look();
    entries.deaf = true;
    await entries.drop(ID);
    expect(memory.recall(ID)).not.toBeNull();
    await memory.look();
    expect(memory.recall(ID)).toBeNull();
    // One that is learnt now says nothing of what was read before.
    await memory.look();
    expect(memory.recall(ID)).toBeNull();
  });

  test('go with their age after a drop, where the seal cannot be looked at', async () => {
    await remember();
    entries.deaf = true;
    await entries.drop(ID);
    using _silent = gate.fail(SEAL, () => new Error('no answer'));
    await expect(memory.look()).rejects.toThrow('no answer');
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
  });

  test('count from the start of the look, however long its answer takes', async () => {
    await remember();
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS / 2);
    using pause = gate.pause(SEAL, 'answer');
    const looking = memory.look();
    await pause.reached;
    entries.deaf = true;
    await entries.drop(ID);
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS - 1);
    pause.resume();
    await looking;
    expect(memory.recall(ID)).not.toBeNull();
    vi.advanceTimersByTime(1);
    expect(memory.recall(ID)).toBeNull();
  });

  test('are none where the seal was learnt while they were read', async () => {
    await commit(ID);
    using pause = gate.pause(GET, 'answer');
    const reading = memory.read(ID);
    await pause.reached;
    entries.deaf = true;
    await entries.drop(ID);
    await memory.look();
    pause.resume();
    expect(await reading).not.toBeNull();
    await memory.look();
    expect(memory.recall(ID)).toBeNull();
  });

  test('are none where the connection was replaced during the look', async () => {
    await remember();
    using pause = gate.pause(SEAL, 'answer');
    const looking = memory.look();
    await pause.reached;
    const replacement = new MemoryEntryStore();
    entries.deaf = true;
    entries.replace(replacement);
    await memory.read(ID);
    pause.resume();
    await looking;
    vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS);
    expect(memory.recall(ID)).toBeNull();
  });

  test('are read again after half the margin of their copies: the entry store has a clock of its own', async () => {
    await remember();
    let known = 0;
    while (known < 600_000) {
      vi.advanceTimersByTime(GREATEST_MEMORY_AGE_MS / 2);
      await memory.look();
      if (memory.recall(ID) === null) break;
      known += GREATEST_MEMORY_AGE_MS / 2;
    }
    expect(known).toBe((TIMES.expiryMarginSeconds * 1000) / 2 - GREATEST_MEMORY_AGE_MS / 2);
  });

  test('are looked after by the memory itself', async () => {
    memory[Symbol.dispose]();
    memory = new EntryMemory({ entries: new GatedEntryStore(entries, gate), times: TIMES, lookEveryMs: 1 });
    await gate.seen(SEAL, 3);
    memory[Symbol.dispose]();
    const looks = gate.count(SEAL);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(gate.count(SEAL)).toBe(looks);
  });
});
