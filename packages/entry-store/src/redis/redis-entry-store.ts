import { EntryStoreError } from '../entry-store.ts';
import type {
  ChangeListener,
  Claim,
  ClaimResult,
  Entry,
  EntryServer,
  EntryStore,
  Failure,
  Take,
  TakeResult,
} from '../entry-store.ts';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';
import { RedisCommands, type RedisConnection } from '@cloud-mirror/redis';
import { DamagedEntries } from '../damaged-entries.ts';
import { copyFields, failureFields, parseEntry } from '../entry-json.ts';
import { checkAccess } from './redis-access-check.ts';
import { changeMessage, EntryChanges, FLUSH_MESSAGE } from './entry-changes.ts';
import type { EntryCommands } from './scripts/index.ts';
import { ENTRY_SCRIPTS } from './scripts/index.ts';
import { flushEntries } from './redis-flush.ts';
import { entryStoreError, refusalIn } from './redis-refusal.ts';
import { RedisReads } from './redis-reads.ts';
import { RedisSeal } from './redis-seal.ts';

export interface RedisEntryStoreOptions {
  readonly connection: RedisConnection;
  /** First part of every key and of the channel, so that several installations can share a Redis. */
  readonly keyPrefix: string;
  /** Longest time a call may take, in milliseconds; also where Redis cannot be reached. */
  readonly commandTimeoutMs: number;
  /** Longest time to open a connection (TCP and TLS), in milliseconds; 2,000 where none is given. */
  readonly connectTimeoutMs?: number | undefined;
  /** Hears of lost connections, and of listeners that throw. Calls reject by themselves. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** A connection counts as dead when an answer is due and none came for twice a call's limit, but not sooner. */
const SHORTEST_SILENCE_MS = 1_000;

/**
 * Entries in Redis 6.2 or later: one server, Sentinels, or a cluster. One entry is one string of JSON below
 * `{<keyPrefix>:<backend>:<sha256>}` (`<sha256>-hashed` where keys of copies are hashed), with the expiry of its lease or life.
 *
 * May be made before Redis is up: it connects by itself and calls reject until then. `flush` is many commands; each of
 * them, and not the whole, keeps to the time limit. What its user must be allowed: {@link checkAccess}, docs/deploy/redis.md.
 */
export class RedisEntryStore implements EntryStore {
  readonly timeLimitMs: number;
  readonly #keyPrefix: string;
  readonly #channel: string;
  readonly #commands: EntryCommands;
  readonly #reads: RedisReads;
  readonly #seal: RedisSeal;
  readonly #changes: EntryChanges;
  readonly #damaged: DamagedEntries;

  constructor(options: RedisEntryStoreOptions) {
    const { connection, commandTimeoutMs, onError = () => undefined } = options;
    const limits = {
      connectMs: options.connectTimeoutMs ?? 2_000,
      silenceMs: Math.max(2 * commandTimeoutMs, SHORTEST_SILENCE_MS),
    };
    this.timeLimitMs = commandTimeoutMs;
    this.#keyPrefix = options.keyPrefix;
    this.#damaged = new DamagedEntries(onError);
    this.#channel = `${options.keyPrefix}:changes`;
    this.#commands = new RedisCommands({
      connection,
      limits,
      commandTimeoutMs,
      scripts: ENTRY_SCRIPTS,
      errorFor: entryStoreError,
      onError,
    });
    this.#reads = new RedisReads(this.#commands);
    this.#seal = new RedisSeal(this.#commands, `{${options.keyPrefix}:seal}`);
    this.#changes = new EntryChanges({ connection, channel: this.#channel, limits, onError });
  }

  get epoch(): number {
    return this.#commands.epoch;
  }

  async get(id: ObjectId): Promise<Entry | null> {
    const text = await this.#reads.read(this.#key(id));
    if (text === null) return null;
    const entry = parseEntry(text);
    if (entry === null) this.#damaged.tell(id);
    return entry;
  }

  async claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#withoutDamaged(id, async () => {
      const answer = await this.#commands.call((_client, scripts) =>
        scripts.claimEntry(
          ...this.#about(id),
          ...[claim.token, whole(claim.leaseMs), whole(claim.copyingLeaseMs)],
        ),
      );
      if (answer[0] === 1) return { claimed: true, attempts: answer[1] };
      const entry = parseEntry(answer[1]);
      return entry === null ? null : { claimed: false, entry };
    });
  }

  async take(id: ObjectId, take: Take): Promise<TakeResult> {
    return this.#withoutDamaged(id, async () => {
      const answer = await this.#commands.call((_client, scripts) =>
        scripts.takeEntry(...this.#about(id), take.token, take.jobToken, whole(take.leaseMs)),
      );
      if (answer[0] === 1) return { taken: true, ownClaim: answer[1] === 1, attempts: answer[2] };
      const entry = parseEntry(answer[1]);
      return entry === null ? null : { taken: false, entry, leaseRemainingMs: answer[2] };
    });
  }

  /**
   * An entry that no reader can read must not refuse claims for ever: it is dropped, as a purge would, and the claim repeated.
   * @param attempt resolves to `null` where it was refused because of such an entry
   */
  async #withoutDamaged<Result>(id: ObjectId, attempt: () => Promise<Result | null>): Promise<Result> {
    const first = await attempt();
    if (first !== null) return first;
    this.#damaged.tell(id);
    await this.drop(id);
    const second = await attempt();
    if (second !== null) return second;
    throw new EntryStoreError('an entry is damaged, and damaged again after it was dropped');
  }

  async renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean> {
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.renewEntry(...this.#about(id), token, whole(renewal.leaseMs), renewal.bytes),
    );
    return answer === 1;
  }

  async commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.commitEntry(...this.#about(id), token, whole(ttlMs), copyFields(copy)),
    );
    return answer === 1;
  }

  async fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    const { ttlMs, firstRetryMs, longestRetryMs, retryAfterMs } = failure;
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.failEntry(
        ...this.#about(id),
        ...[token, whole(ttlMs), firstRetryMs, longestRetryMs, retryAfterMs ?? '', failureFields(failure)],
      ),
    );
    return answer === 1;
  }

  async release(id: ObjectId, token: string): Promise<boolean> {
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.releaseEntry(...this.#about(id), token),
    );
    return answer === 1;
  }

  async drop(id: ObjectId, token?: string): Promise<boolean> {
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.dropEntry(...this.#about(id), ...(token === undefined ? [] : [token])),
    );
    if (answer === 1 || token === undefined) await this.#seal.break();
    return answer === 1;
  }

  async flush(backends: readonly string[]): Promise<number> {
    const tell = async (): Promise<void> => {
      await this.#seal.break();
      await this.#commands.call((client) => client.publish(this.#channel, FLUSH_MESSAGE));
    };
    return flushEntries(this.#commands, { keyPrefix: this.#keyPrefix, backends, tell });
  }

  async seal(): Promise<string> {
    return this.#seal.read();
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.#changes.subscribe(listener);
  }

  async check(): Promise<void> {
    const refused = this.#changes.failure;
    if (refusalIn(refused) !== null) throw entryStoreError(refused);
    await checkAccess(this.#commands, { keyPrefix: this.#keyPrefix, channel: this.#channel });
  }

  async server(): Promise<EntryServer> {
    const info = await this.#commands.call((client) => client.info());
    const field = (name: string): string | null =>
      new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
    const limited = (field('maxmemory') ?? '0') !== '0';
    return {
      version: field('redis_version'),
      evictionPolicy: limited ? field('maxmemory_policy') : null,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#changes[Symbol.asyncDispose](), this.#commands[Symbol.asyncDispose]()]);
  }

  /** The braces put all that belongs to one object into one slot of a cluster. */
  #key(id: ObjectId): string {
    const form = id.keys === undefined ? '' : `-${id.keys}`;
    return `{${this.#keyPrefix}:${id.backend}:${id.sha256}${form}}`;
  }

  #about(id: ObjectId): [key: string, channel: string, name: string] {
    return [this.#key(id), this.#channel, changeMessage(id)];
  }
}

/** Redis takes whole milliseconds, at least one. */
function whole(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
