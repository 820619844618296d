import { expect, test } from 'vitest';
import {
  CopyBudgets,
  MemoryBudgetLedger,
  type BudgetedObject,
  type BudgetLedger,
  type BudgetScope,
} from '../src/index.ts';

const OBJECT: BudgetedObject = { service: 's3', region: 'here', url: 'https://a.test/f' };
const LIMITS = { copiesPerMinute: 2, bytesPerDay: 1000, bytesStored: null };
const SCOPE: BudgetScope = { key: 'k', path: 'services.s3', limits: LIMITS, lifespanDays: 1 };

/** A ledger in memory that counts calls, and fails while `broken`. */
class WatchedLedger implements BudgetLedger {
  readonly #inner = new MemoryBudgetLedger();
  calls = 0;
  broken = false;

  reserve(...args: Parameters<BudgetLedger['reserve']>) {
    this.#called();
    return this.#inner.reserve(...args);
  }

  adjust(...args: Parameters<BudgetLedger['adjust']>) {
    this.#called();
    return this.#inner.adjust(...args);
  }

  async [Symbol.asyncDispose]() {}

  #called(): void {
    this.calls += 1;
    if (this.broken) throw new Error('the ledger is broken');
  }
}

function budgetsWith(scopes: readonly BudgetScope[]) {
  const ledger = new WatchedLedger();
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const budgets = new CopyBudgets({ ledger, scopesOf: () => scopes, onFailure });
  return { ledger, failures, budgets };
}

test('names the budget that is exceeded, and remembers that nothing is left', async () => {
  const { budgets, ledger } = budgetsWith([SCOPE]);
  const exceeded = { path: 'services.s3', budget: 'copiesPerMinute', limit: 2 };
  expect(await budgets.reserve(OBJECT, 1)).toBeNull();
  expect(await budgets.reserve(OBJECT, 1)).toBeNull();
  expect(budgets.spent(OBJECT)).toBeNull();
  expect(await budgets.reserve(OBJECT, 1)).toEqual(exceeded);
  expect(budgets.spent(OBJECT)).toEqual(exceeded);
  expect(ledger.calls).toBe(3);
});

test('an object that is too large does not make others wait', async () => {
  const { budgets } = budgetsWith([SCOPE]);
  expect(await budgets.reserve(OBJECT, 1001)).toMatchObject({ budget: 'bytesPerDay' });
  expect(budgets.spent(OBJECT)).toBeNull();
  expect(await budgets.reserve(OBJECT, 1000)).toBeNull();
});

test('asks nobody without a budget, and for a copy that has the length it was reserved with', async () => {
  const none = budgetsWith([]);
  expect(await none.budgets.reserve(OBJECT, 1)).toBeNull();
  await none.budgets.settle(OBJECT, 0, 7);
  expect(none.ledger.calls).toBe(0);
  const some = budgetsWith([SCOPE]);
  await some.budgets.settle(OBJECT, 7, 7);
  await some.budgets.removed(OBJECT, 7, 0);
  expect(some.ledger.calls).toBe(0);
});

test('a copy of another length is counted with that', async () => {
  const { budgets } = budgetsWith([SCOPE]);
  expect(await budgets.reserve(OBJECT, 0)).toBeNull();
  await budgets.settle(OBJECT, 0, 900);
  expect(await budgets.reserve(OBJECT, 101)).toMatchObject({ budget: 'bytesPerDay' });
});

test('while the ledger fails, this process counts alone', async () => {
  const { budgets, ledger, failures } = budgetsWith([SCOPE]);
  ledger.broken = true;
  const results = [];
  for (let copy = 0; copy < 3; copy += 1) results.push(await budgets.reserve(OBJECT, 1));
  expect(results.map((exceeded) => exceeded?.budget)).toEqual([undefined, undefined, 'copiesPerMinute']);
  await budgets.settle(OBJECT, 1, 2);
  expect(failures).toHaveLength(4);
});
