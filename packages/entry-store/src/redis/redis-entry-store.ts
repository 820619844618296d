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
import { RedisCommands, refusalIn, type RedisConnection } from '@cloud-mirror/redis';
import { DamagedEntries } from '../damaged-entries.ts';
import { copyFields, failureFields, parseEntry } from '../entry-json.ts';
import { checkAccess } from './redis-access-check.ts';
import { changeMessage, EntryChanges, FLUSH_MESSAGE } from './entry-changes.ts';
import type { EntryCommands } from './scripts/index.ts';
import { ENTRY_SCRIPTS } from './scripts/index.ts';
import { flushEntries } from './redis-flush.ts';
import { entryStoreError } from './entry-store-error.ts';
import { RedisReads } from './redis-reads.ts';
import { RedisSeal } from './redis-seal.ts';

export interface RedisEntryStoreOptions {
  readonly connection: RedisConnection;
  /** Prefix of every key and of the channel, so that several mirrors can share a Redis. */
  readonly keyPrefix: string;
  /** The longest time that a call may take, in milliseconds, even if Redis cannot be reached. */
  readonly commandTimeoutMs: number;
  /** The longest time to open a connection (TCP and TLS), in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Called with each lost connection, damaged entry, and error of a listener. A failed call rejects instead. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** A connection counts as dead if a reply is due for twice a call's time limit, and at least for this time. */
const SHORTEST_SILENCE_MS = 1_000;

/**
 * Entries in Redis 6.2 or later: one server, Sentinels, or a cluster. An entry is a JSON string at the key
 * `{<keyPrefix>:<backend>:<sha256>}` (`<sha256>-hashed` if the keys of copies are hashed). It expires with its lease or life.
 *
 * Can be constructed before Redis is up: it connects by itself, and calls reject until then. `flush` sends many commands,
 * and the time limit applies to each of them, not to the whole. For the permissions that the Redis user needs, see
 * {@link checkAccess} and docs/deploy/redis.md.
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
    if (entry === null) this.#damaged.report(id);
    return entry;
  }

  async claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#withoutDamaged(id, async () => {
      const answer = await this.#commands.call((_client, scripts) =>
        scripts.claimEntry(
          ...this.#about(id),
          ...[claim.token, whole(claim.leaseMs), whole(claim.copyingLeaseMs)],
          ...[claim.check?.token ?? '', claim.check?.intervalMs ?? 0],
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
   * A damaged entry must not block claims for ever. It is dropped, as by a purge, and the write is repeated.
   * @param attempt resolves to `null` if a damaged entry refused the write
   * @throws EntryStoreError if the entry is damaged again
   */
  async #withoutDamaged<Result>(id: ObjectId, attempt: () => Promise<Result | null>): Promise<Result> {
    const first = await attempt();
    if (first !== null) return first;
    this.#damaged.report(id);
    await this.drop(id);
    const second = await attempt();
    if (second !== null) return second;
    throw new EntryStoreError('an entry was damaged again right after the damaged one was dropped');
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

  async noteCheck(id: ObjectId, token: string, intervalMs: number): Promise<boolean> {
    const answer = await this.#commands.call((_client, scripts) =>
      scripts.noteCheck(...this.#about(id), token, intervalMs),
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
    const announce = async (): Promise<void> => {
      await this.#seal.break();
      await this.#commands.call((client) => client.publish(this.#channel, FLUSH_MESSAGE));
    };
    return flushEntries(this.#commands, { keyPrefix: this.#keyPrefix, backends, announce });
  }

  async seal(): Promise<string> {
    return this.#seal.read();
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.#changes.subscribe(listener);
  }

  async check(): Promise<void> {
    const { failure } = this.#changes;
    if (refusalIn(failure) !== null) throw entryStoreError(failure);
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

  /** The braces are a hash tag: a cluster chooses the slot by the text inside them. */
  #key(id: ObjectId): string {
    const form = id.keys === undefined ? '' : `-${id.keys}`;
    return `{${this.#keyPrefix}:${id.backend}:${id.sha256}${form}}`;
  }

  #about(id: ObjectId): [key: string, channel: string, name: string] {
    return [this.#key(id), this.#channel, changeMessage(id)];
  }
}

/** Redis accepts only positive integers as milliseconds. */
function whole(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
