import type { BudgetLedger, BudgetName, BudgetScope, Excess, LedgerChange } from './budget-ledger.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The count of the current window and of the one before. */
interface Window {
  readonly index: number;
  readonly current: number;
  readonly before: number;
}

interface Usage {
  readonly copies: Window;
  readonly dayBytes: Window;
  /** Bytes by the day on which they were stored; by 0 if the store keeps objects. */
  readonly stored: ReadonlyMap<number, number>;
}

const EMPTY: Window = { index: 0, current: 0, before: 0 };
const UNUSED: Usage = { copies: EMPTY, dayBytes: EMPTY, stored: new Map() };

/** Budgets of one process. Its size is bounded by the number of scopes and the days that a store keeps an object. */
export class MemoryBudgetLedger implements BudgetLedger {
  readonly #clock: () => number;
  readonly #usages = new Map<string, Usage>();

  /** @param clock milliseconds since 1970. Default `Date.now` */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  async reserve(scopes: readonly BudgetScope[], bytes: number): Promise<Excess | null> {
    const now = this.#clock();
    for (const [scope, { key, limits, lifespanDays }] of scopes.entries()) {
      const usage = this.#usages.get(key) ?? UNUSED;
      const used: Readonly<Record<BudgetName, number>> = {
        copiesPerMinute: countOf(usage.copies, now, MINUTE_MS),
        bytesPerDay: countOf(usage.dayBytes, now, DAY_MS),
        bytesStored: storedIn(usage, now, lifespanDays),
      };
      for (const budget of ['copiesPerMinute', 'bytesPerDay', 'bytesStored'] as const) {
        const limit = limits[budget];
        const wanted = budget === 'copiesPerMinute' ? 1 : Math.max(1, bytes);
        if (limit !== null && used[budget] + wanted > limit)
          return { scope, budget, spent: used[budget] + 1 > limit };
      }
    }
    this.#add(scopes, { copies: 1, dayBytes: bytes, storedBytes: bytes, storedAt: null }, now);
    return null;
  }

  async adjust(scopes: readonly BudgetScope[], change: LedgerChange): Promise<void> {
    this.#add(scopes, { copies: 0, ...change }, this.#clock());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usages.clear();
  }

  #add(
    scopes: readonly BudgetScope[],
    change: LedgerChange & { readonly copies: number },
    now: number,
  ): void {
    for (const { key, lifespanDays } of scopes) {
      const usage = this.#usages.get(key) ?? UNUSED;
      const day = lifespanDays === null ? 0 : Math.floor((change.storedAt ?? now) / DAY_MS);
      const stored = new Map([...usage.stored].filter(([each]) => isStored(each, now, lifespanDays)));
      stored.set(day, Math.max(0, (stored.get(day) ?? 0) + change.storedBytes));
      this.#usages.set(key, {
        copies: added(usage.copies, change.copies, now, MINUTE_MS),
        dayBytes: added(usage.dayBytes, change.dayBytes, now, DAY_MS),
        stored,
      });
    }
  }
}

function at(window: Window, now: number, lengthMs: number): Window {
  const index = Math.floor(now / lengthMs);
  if (window.index === index) return window;
  return { index, current: 0, before: window.index === index - 1 ? window.current : 0 };
}

function countOf(window: Window, now: number, lengthMs: number): number {
  const { current, before } = at(window, now, lengthMs);
  return current + before * (1 - (now % lengthMs) / lengthMs);
}

function added(window: Window, count: number, now: number, lengthMs: number): Window {
  const { index, current, before } = at(window, now, lengthMs);
  return { index, current: Math.max(0, current + count), before };
}

/** S3 removes an object at the first midnight after its life, so it may still be there on that last day. */
function isStored(day: number, now: number, lifespanDays: number | null): boolean {
  return lifespanDays === null || Math.floor(now / DAY_MS) - day <= lifespanDays;
}

function storedIn({ stored }: Usage, now: number, lifespanDays: number | null): number {
  let bytes = 0;
  for (const [day, each] of stored) if (isStored(day, now, lifespanDays)) bytes += each;
  return bytes;
}
