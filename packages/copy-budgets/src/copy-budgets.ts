import type { BudgetLedger, BudgetName, BudgetScope, Excess } from './budget-ledger.ts';
import { MemoryBudgetLedger } from './memory-budget-ledger.ts';

/** An object that is to be copied into one region. */
export interface BudgetedObject {
  readonly service: string;
  readonly region: string;
  /** The URL that identifies the object; `null` if it is unknown, so that no rule's budget counts. */
  readonly url: string | null;
}

/** A budget that is used up, or too small for the object. */
export interface ExceededBudget {
  /** The path of the scope in the configuration: `services.s3`. */
  readonly path: string;
  readonly budget: BudgetName;
  readonly limit: number;
}

export interface CopyBudgetsOptions {
  readonly ledger: BudgetLedger;
  /** The scopes that have budgets for the object. */
  readonly scopesOf: (object: BudgetedObject) => readonly BudgetScope[];
  /** Called when the ledger fails. Copies then count in this process only. */
  readonly onFailure: (error: unknown) => void;
}

/** How long a spent budget is remembered without asking the ledger, in milliseconds. */
const REMEMBERED_MS = 1_000;

/**
 * The budgets of new copies. A front end reserves a copy before it sends the job; the copier corrects the reservation when
 * the copy has another size or is not made. Hits, and copies that are in the store already, never count.
 */
export class CopyBudgets implements AsyncDisposable {
  readonly #options: CopyBudgetsOptions;
  /** For while the ledger fails: each process then has the whole budget for itself. */
  readonly #alone = new MemoryBudgetLedger();
  /** By the keys of scopes, so that the configuration bounds it. */
  readonly #spent = new Map<string, { readonly exceeded: ExceededBudget; readonly untilMs: number }>();

  constructor(options: CopyBudgetsOptions) {
    this.#options = options;
  }

  /** The budget of the object that was used up a moment ago; `null` if none is known to be. Asks nobody. */
  spent(object: BudgetedObject): ExceededBudget | null {
    if (this.#spent.size === 0) return null;
    for (const { key } of this.#options.scopesOf(object)) {
      const known = this.#spent.get(key);
      if (known === undefined) continue;
      if (performance.now() < known.untilMs) return known.exceeded;
      this.#spent.delete(key);
    }
    return null;
  }

  /**
   * Reserves a copy in every budget of the object. Never rejects.
   * @param bytes the length of the object; 0 if it is not known
   * @returns the budget that the copy would exceed; `null` if it is reserved
   */
  async reserve(object: BudgetedObject, bytes: number): Promise<ExceededBudget | null> {
    const scopes = this.#options.scopesOf(object);
    if (scopes.length === 0) return null;
    const excess = await this.#call((ledger) => ledger.reserve(scopes, bytes));
    return excess === null ? null : this.#exceeded(scopes, excess);
  }

  /**
   * Corrects a reservation of `reserved` bytes once `stored` bytes are in the store. Asks nobody if they are equal. Never
   * rejects.
   */
  async settle(object: BudgetedObject, reserved: number, stored: number): Promise<void> {
    const bytes = stored - reserved;
    const scopes = bytes === 0 ? [] : this.#options.scopesOf(object);
    if (scopes.length === 0) return;
    await this.#call((ledger) =>
      ledger.adjust(scopes, { dayBytes: bytes, storedBytes: bytes, storedAt: null }),
    );
  }

  /** Whether the bytes stored count for the object, so that {@link removed} has to be told of what is deleted. */
  countsStored(object: BudgetedObject): boolean {
    return this.#storedScopes(object).length > 0;
  }

  /** Gives back the bytes of a copy that was deleted before its end. Never rejects. */
  async removed(object: BudgetedObject, bytes: number, storedAt: number): Promise<void> {
    const scopes = this.#storedScopes(object);
    if (scopes.length === 0) return;
    await this.#call((ledger) => ledger.adjust(scopes, { dayBytes: 0, storedBytes: -bytes, storedAt }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.ledger[Symbol.asyncDispose]();
  }

  #storedScopes(object: BudgetedObject): BudgetScope[] {
    return this.#options.scopesOf(object).filter(({ limits }) => limits.bytesStored !== null);
  }

  async #call<T>(call: (ledger: BudgetLedger) => Promise<T>): Promise<T> {
    try {
      return await call(this.#options.ledger);
    } catch (error) {
      this.#options.onFailure(error);
      return call(this.#alone);
    }
  }

  #exceeded(scopes: readonly BudgetScope[], { scope, budget, spent }: Excess): ExceededBudget {
    const { key, path, limits } = scopes[scope] ?? { key: '', path: '', limits: null };
    const exceeded = { path, budget, limit: limits?.[budget] ?? 0 };
    if (spent) this.#spent.set(key, { exceeded, untilMs: performance.now() + REMEMBERED_MS });
    return exceeded;
  }
}
