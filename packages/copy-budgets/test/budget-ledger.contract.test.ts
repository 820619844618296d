import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  MemoryBudgetLedger,
  RedisBudgetLedger,
  type BudgetLedger,
  type BudgetScope,
  type BudgetLimits,
} from '../src/index.ts';

const NONE: BudgetLimits = { copiesPerMinute: null, bytesPerDay: null, bytesStored: null };
const DAY_MS = 86_400_000;

let scopes = 0;
function scope(limits: Partial<BudgetLimits>, lifespanDays: number | null = 1): BudgetScope {
  scopes += 1;
  return { key: `scope-${scopes}`, path: 'p', limits: { ...NONE, ...limits }, lifespanDays };
}

describe.each(['memory', 'redis'] as const)('%s', (kind) => {
  const keyPrefix = `test-${randomBytes(6).toString('hex')}`;
  let ledger: BudgetLedger;
  beforeAll(() => {
    ledger = kind === 'memory' ? new MemoryBudgetLedger() : redisLedger(keyPrefix);
  });
  afterAll(() => ledger[Symbol.asyncDispose]());

  test('reserves what is within every budget', async () => {
    const wide = scope({ copiesPerMinute: 10, bytesPerDay: 1000, bytesStored: 1000 });
    const narrow = scope({ copiesPerMinute: 2 });
    expect(await ledger.reserve([wide, narrow], 100)).toBeNull();
    expect(await ledger.reserve([wide, narrow], 100)).toBeNull();
    expect(await ledger.reserve([wide, narrow], 100)).toEqual({
      scope: 1,
      budget: 'copiesPerMinute',
      spent: true,
    });
    // The refused copy does not count in the other scope.
    expect(await ledger.reserve([wide], 800)).toBeNull();
    expect(await ledger.reserve([wide], 1)).toMatchObject({ scope: 0, budget: 'bytesPerDay' });
  });

  test.each(['bytesPerDay', 'bytesStored'] as const)('%s bounds the sum of the bytes', async (budget) => {
    const bytes = scope({ [budget]: 1000 });
    expect(await ledger.reserve([bytes], 600)).toBeNull();
    expect(await ledger.reserve([bytes], 401)).toEqual({ scope: 0, budget, spent: false });
    expect(await ledger.reserve([bytes], 400)).toBeNull();
    expect(await ledger.reserve([bytes], 0)).toEqual({ scope: 0, budget, spent: true });
  });

  test('a limit of zero admits nothing', async () => {
    expect(await ledger.reserve([scope({ copiesPerMinute: 0 })], 0)).toMatchObject({ spent: true });
    expect(await ledger.reserve([scope({ bytesStored: 0 })], 0)).toMatchObject({ spent: true });
  });

  test('a correction changes the bytes, and never to less than none', async () => {
    const bytes = scope({ bytesPerDay: 1000, bytesStored: 2000 });
    const adjust = (count: number) =>
      ledger.adjust([bytes], { dayBytes: count, storedBytes: count, storedAt: null });
    expect(await ledger.reserve([bytes], 600)).toBeNull();
    await adjust(-500);
    expect(await ledger.reserve([bytes], 900)).toBeNull();
    await adjust(-5000);
    expect(await ledger.reserve([bytes], 1001)).toMatchObject({ budget: 'bytesPerDay', spent: false });
    await adjust(1000);
    expect(await ledger.reserve([bytes], 1)).toMatchObject({ budget: 'bytesPerDay', spent: true });
  });

  test('stored bytes count until the store removes them at the latest', async () => {
    const stored = scope({ bytesStored: 1000 }, 2);
    const add = (daysAgo: number, storedBytes: number) =>
      ledger.adjust([stored], { dayBytes: 0, storedBytes, storedAt: Date.now() - daysAgo * DAY_MS });
    await add(4, 500);
    expect(await ledger.reserve([stored], 1000)).toBeNull();
    await add(0, -1000);
    await add(1, 400);
    expect(await ledger.reserve([stored], 601)).toMatchObject({ budget: 'bytesStored' });
    await add(1, -400);
    expect(await ledger.reserve([stored], 1000)).toBeNull();
  });

  test('a store that keeps objects has them for ever', async () => {
    const stored = scope({ bytesStored: 1000 }, null);
    await ledger.adjust([stored], { dayBytes: 0, storedBytes: 900, storedAt: Date.now() - 900 * DAY_MS });
    expect(await ledger.reserve([stored], 101)).toMatchObject({ budget: 'bytesStored' });
    await ledger.adjust([stored], { dayBytes: 0, storedBytes: -900, storedAt: Date.now() });
    expect(await ledger.reserve([stored], 1000)).toBeNull();
  });

  test('many at once get no more than the limit', async () => {
    const limited = scope({ copiesPerMinute: 7 });
    const all = await Promise.all(Array.from({ length: 100 }, () => ledger.reserve([limited], 1)));
    expect(all.filter((excess) => excess === null)).toHaveLength(7);
  });

  test.runIf(kind === 'redis')('another process shares the counts, which survive damage', async () => {
    const limited = scope({ copiesPerMinute: 1 });
    await using other = redisLedger(keyPrefix);
    expect(await ledger.reserve([limited], 1)).toBeNull();
    expect(await other.reserve([limited], 1)).toMatchObject({ budget: 'copiesPerMinute' });
    const client = new Redis(inject('servers').redisUrl);
    const key = `{${keyPrefix}:budgets}:${limited.key}`;
    expect(await client.pttl(key)).toBeGreaterThan(DAY_MS);
    for (const damaged of ['nonsense', '[]', '{"m":[1],"d":{},"s":[1]}', '7', 'null']) {
      await client.set(key, damaged);
      expect(await other.reserve([limited], 1)).toBeNull();
      expect(await other.reserve([limited], 1)).not.toBeNull();
    }
    await client.del(key);
    await client.lpush(key, 'another type');
    expect(await other.reserve([limited], 1)).toBeNull();
    client.disconnect();
  });
});

test('windows slide', async () => {
  let now = 1_700_000_040_000;
  const ledger = new MemoryBudgetLedger(() => now);
  const limited = scope({ copiesPerMinute: 4 });
  const admitted = async (): Promise<number> => {
    let count = 0;
    while ((await ledger.reserve([limited], 1)) === null) count += 1;
    return count;
  };
  const start = Math.ceil(now / 60_000) * 60_000;
  now = start + 59_000;
  expect(await admitted()).toBe(4);
  now = start + 60_000;
  expect(await admitted()).toBe(0);
  now = start + 90_000;
  expect(await admitted()).toBe(2);
  now = start + 240_000;
  expect(await admitted()).toBe(4);
});

function redisLedger(keyPrefix: string): RedisBudgetLedger {
  return new RedisBudgetLedger({
    connection: { url: inject('servers').redisUrl },
    keyPrefix,
    commandTimeoutMs: 5_000,
    onError: () => undefined,
  });
}
