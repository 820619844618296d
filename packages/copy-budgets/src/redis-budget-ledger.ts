import { RedisCommands, type RedisConnection } from '@cloud-mirror/redis';
import type { BudgetLedger, BudgetName, BudgetScope, Excess, LedgerChange } from './budget-ledger.ts';
import { BUDGET_SCRIPTS, type BudgetScripts } from './budget-scripts.ts';

export interface RedisBudgetLedgerOptions {
  readonly connection: RedisConnection;
  /** Prefix of every key, as for entries. */
  readonly keyPrefix: string;
  /** The longest time that a call may take, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly onError: (error: Error) => void;
}

/** The longest time to open a connection (TCP and TLS), in milliseconds. */
const CONNECT_MS = 2_000;
/** A connection counts as dead if a reply is due for twice a call's time limit, and at least for this time. */
const SHORTEST_SILENCE_MS = 1_000;

const BUDGETS: readonly BudgetName[] = ['copiesPerMinute', 'bytesPerDay', 'bytesStored'];

/** The counts are lost, or Redis does not answer. */
export class BudgetLedgerError extends Error {
  override readonly name = 'BudgetLedgerError';
  readonly code = 'budgets_unavailable';
}

/**
 * Budgets that all processes share. The counts of a scope are one JSON string at `{<keyPrefix>:budgets}:<scope>`; the
 * braces are a hash tag, so that one script can read all scopes in a cluster too. The scripts use only GET, SET and TIME,
 * which entries need as well, so a Redis user needs no further permission.
 */
export class RedisBudgetLedger implements BudgetLedger {
  readonly #commands: RedisCommands<BudgetScripts>;
  readonly #keyPrefix: string;

  constructor({ connection, keyPrefix, commandTimeoutMs, onError }: RedisBudgetLedgerOptions) {
    this.#keyPrefix = keyPrefix;
    this.#commands = new RedisCommands({
      connection,
      limits: {
        connectMs: CONNECT_MS,
        silenceMs: Math.max(2 * commandTimeoutMs, SHORTEST_SILENCE_MS),
      },
      commandTimeoutMs,
      scripts: BUDGET_SCRIPTS,
      errorFor: (cause) => new BudgetLedgerError('the budgets in Redis cannot be read', { cause }),
      onError,
    });
  }

  /** @throws BudgetLedgerError */
  async reserve(scopes: readonly BudgetScope[], bytes: number): Promise<Excess | null> {
    const [scope, budget, spent] = await this.#commands.call((_client, scripts) =>
      scripts.reserveBudget(scopes.length, ...this.#keys(scopes), bytes, ...scopes.flatMap(limitsOf)),
    );
    const name = BUDGETS[budget - 1];
    return name === undefined ? null : { scope: scope - 1, budget: name, spent: spent === 1 };
  }

  /** @throws BudgetLedgerError */
  async adjust(
    scopes: readonly BudgetScope[],
    { dayBytes, storedBytes, storedAt }: LedgerChange,
  ): Promise<void> {
    await this.#commands.call((_client, scripts) =>
      scripts.adjustBudget(
        scopes.length,
        ...this.#keys(scopes),
        ...[dayBytes, storedBytes, storedAt ?? ''],
        ...scopes.map(({ lifespanDays }) => lifespanDays ?? ''),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands[Symbol.asyncDispose]();
  }

  #keys(scopes: readonly BudgetScope[]): string[] {
    return scopes.map(({ key }) => `{${this.#keyPrefix}:budgets}:${key}`);
  }
}

function limitsOf({ limits, lifespanDays }: BudgetScope): (number | '')[] {
  return [...BUDGETS.map((budget) => limits[budget] ?? ''), lifespanDays ?? ''];
}
