import { RedisChangeFeed, RedisCommands } from '@cloud-mirror/redis';
import type { RedisConnection } from '@cloud-mirror/redis';
import { pause } from '@cloud-mirror/waiting';
import type { FleetEvent } from '../fleet-event.ts';
import { changeText } from '../instance.ts';
import type { Instance } from '../instance.ts';
import type { Registry, RegistryChange, RegistrySnapshot } from '../registry.ts';
import { RegistryError } from '../registry.ts';
import { RegistryView } from '../registry-view.ts';
import { LeaseClock } from './lease-clock.ts';
import { REGISTRY_SCRIPTS, type RegistryScripts } from './registry-scripts.ts';

export interface RedisRegistryOptions {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly onError: (error: Error) => void;
}

const LIMITS = { connectMs: 2_000, silenceMs: 2_000 } as const;
/** Renewals are read this often, and changes at once when a message arrives. */
const POLL_MS = 500;

/** An instance without its load, and its lease: the text in Redis. */
interface Announced {
  readonly instance: Instance;
  readonly leaseMs: number;
}

/** The registry of several processes, in Redis. Whatever Redis loses, the instances announce again within a second. */
export class RedisRegistry implements Registry {
  readonly #commands: RedisCommands<RegistryScripts>;
  readonly #feed: RedisChangeFeed;
  readonly #keys: [string, string, string, string];
  readonly #keyPrefix: string;
  readonly #channel: string;
  readonly #onError: (error: Error) => void;
  readonly #view = new RegistryView(0);
  readonly #leases = new LeaseClock();
  readonly #closed = new AbortController();
  /** The first revision since the last flush. */
  #first = 0;
  #readAtMs = -Infinity;
  #readFailure: Error | null = null;
  #announceFailure: Error | null = null;
  #reading: Promise<void> | null = null;
  #looking: Promise<void> = Promise.resolve();

  private constructor({ connection, keyPrefix, commandTimeoutMs, onError }: RedisRegistryOptions) {
    this.#keyPrefix = keyPrefix;
    this.#keys = [this.#key('instances'), this.#key('renewals'), this.#key('revision'), this.#key('changes')];
    this.#channel = `${keyPrefix}:registry`;
    this.#onError = onError;
    const common = { connection, limits: LIMITS, onError };
    this.#commands = new RedisCommands<RegistryScripts>({
      ...common,
      commandTimeoutMs,
      scripts: REGISTRY_SCRIPTS,
      errorFor: (cause) => new RegistryError('the registry in Redis did not complete the call', { cause }),
    });
    const look = (): void => void this.#read();
    this.#feed = new RedisChangeFeed({ ...common, channel: this.#channel, onMessage: look, onGap: look });
  }

  /** Reads the registry. If it cannot be read now, the list is empty until it can. */
  static async open(options: RedisRegistryOptions): Promise<RedisRegistry> {
    const registry = new RedisRegistry(options);
    await registry.#read();
    registry.#feed.open();
    registry.#looking = registry.#look();
    return registry;
  }

  async announce(instance: Instance, leaseMs: number): Promise<void> {
    const text = textOf(instance, leaseMs);
    const load = JSON.stringify(instance.load);
    const changed = await this.#commands
      .call((_client, scripts) =>
        scripts.announceInstance(...this.#keys, this.#channel, instance.id, text, load),
      )
      .catch((error: unknown) => {
        this.#announceFailure = error as Error;
        throw error;
      });
    this.#announceFailure = null;
    if (changed > 0) await this.#read();
  }

  async leave(id: string): Promise<void> {
    await this.#commands.call((_client, scripts) => scripts.removeInstance(...this.#keys, this.#channel, id));
    await this.#read();
  }

  async record(event: FleetEvent): Promise<number> {
    const revision = await this.#commands.call((_client, scripts) =>
      scripts.recordEvent(...this.#keys, this.#channel, JSON.stringify(event)),
    );
    await this.#read();
    return revision;
  }

  get failure(): Error | null {
    return this.#readFailure ?? this.#announceFailure ?? this.#feed.failure;
  }

  /** Runs every command of the registry on keys of its own, and on the channel with a message that says nothing. */
  async check(): Promise<void> {
    const [hash, stream] = [this.#key('check'), this.#key('check-changes')];
    await this.#commands.call((_client, scripts) => scripts.checkRegistry(hash, stream, this.#channel));
    await this.#commands.call((client) =>
      Promise.all([client.get(this.#keys[2]), client.hgetall(hash), client.xrange(stream, '-', '+')]),
    );
    if (this.#feed.failure !== null)
      throw new RegistryError('the registry in Redis cannot be watched', { cause: this.#feed.failure });
  }

  list(): RegistrySnapshot {
    return this.#view.snapshot(performance.now() - this.#readAtMs);
  }

  watch(after: number | null, signal: AbortSignal): AsyncIterable<RegistryChange> {
    return this.#view.watch(after, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#looking;
    await this.#reading;
    await this.#feed[Symbol.asyncDispose]();
    await this.#commands[Symbol.asyncDispose]();
  }

  /** The braces put all keys into one slot of a cluster. */
  #key(name: string): string {
    return `{${this.#keyPrefix}:registry}:${name}`;
  }

  async #look(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      if (!signal.aborted) await this.#read();
    }
  }

  /** Reads what changed. Never rejects. A call during a read waits for one that begins after it. */
  async #read(): Promise<void> {
    const running = this.#reading;
    if (running !== null) {
      await running;
      if (this.#reading !== null) return this.#reading;
    }
    this.#reading = this.#readNow()
      .then(() => {
        this.#readFailure = null;
      })
      .catch((error: unknown) => {
        this.#readFailure = error as Error;
        this.#onError(error as Error);
      })
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    const [, renewals, revision] = this.#keys;
    const [found, renewed] = await this.#commands.call((client) =>
      Promise.all([client.get(revision), client.hgetall(renewals)]),
    );
    const [newest = 0, first = 0] = (found ?? '').split(' ').map(Number);
    this.#readAtMs = performance.now();
    const known = this.#view.revision;
    if (known > 0 && first !== this.#first) await this.#restore();
    else if (newest > known && !(await this.#readChanges(known))) await this.#readAll();
    this.#leases.tick(this.#readAtMs);
    for (const [id, value] of Object.entries(renewed))
      if (this.#leases.renew(id, value)) this.#view.putLoad(id, loadIn(value));
    for (const [id, value] of this.#leases.ended()) await this.#expire(id, value);
  }

  /** @returns false if the changes after the known revision do not tell everything */
  async #readChanges(known: number): Promise<boolean> {
    if (known === 0) return false;
    const [, , , changes] = this.#keys;
    const entries = await this.#commands.call((client) => client.xrange(changes, `${known}-0`, '+'));
    // The known change must still be there: else later ones may be lost too.
    if (entries[0]?.[0] !== `${known}-0`) return false;
    for (const [entryId, fields] of entries.slice(1)) {
      const revision = Number(entryId.split('-')[0]);
      const { kind = '', id = '', text = '' } = Object.fromEntries(pairs(fields));
      if (kind === 'remove') this.#remove(id, revision);
      else if (kind === 'put') this.#put(JSON.parse(text) as Announced, revision);
      else if (kind === 'event') this.#view.addEvent(JSON.parse(text) as FleetEvent, revision);
      else return false;
    }
    return true;
  }

  async #readAll(): Promise<void> {
    const [instances, , revision] = this.#keys;
    const [found, texts] = await this.#commands.call((client) =>
      Promise.all([client.get(revision), client.hgetall(instances)]),
    );
    const [newest = 0, first = 0] = (found ?? '').split(' ').map(Number);
    const announced = Object.values(texts).map((text) => JSON.parse(text) as Announced);
    this.#first = first;
    this.#leases.keep(new Set(Object.keys(texts)));
    for (const { instance, leaseMs } of announced) this.#leases.add(instance.id, leaseMs);
    this.#view.replaceAll(
      announced.map(({ instance }) => ({ ...instance, load: this.#view.get(instance.id)?.load ?? null })),
      newest,
    );
  }

  #put({ instance, leaseMs }: Announced, revision: number): void {
    this.#view.put({ ...instance, load: this.#view.get(instance.id)?.load ?? null }, revision);
    this.#leases.add(instance.id, leaseMs);
  }

  #remove(id: string, revision: number): void {
    this.#leases.remove(id);
    this.#view.remove(id, revision);
  }

  /** Redis was flushed. Puts back what this process knows; instances that are gone end with their leases. */
  async #restore(): Promise<void> {
    const known = this.#view
      .snapshot(0)
      .instances.flatMap((instance) => [instance.id, textOf(instance, this.#leases.leaseOf(instance.id))]);
    await this.#commands.call((_client, scripts) =>
      scripts.restoreInstances(...this.#keys, this.#channel, String(this.#view.revision), ...known),
    );
    await this.#readAll();
  }

  async #expire(id: string, renewals: string): Promise<void> {
    const revision = await this.#commands.call((_client, scripts) =>
      scripts.expireInstance(...this.#keys, this.#channel, id, renewals),
    );
    if (revision > 0) this.#remove(id, revision);
  }
}

function textOf(instance: Instance, leaseMs: number): string {
  return `{"leaseMs":${leaseMs},"instance":${changeText(instance)}}`;
}

function loadIn(renewals: string): Instance['load'] {
  return JSON.parse(renewals.slice(renewals.indexOf(' ') + 1)) as Instance['load'];
}

function pairs(fields: readonly string[]): [string, string][] {
  return fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? '']] : []));
}
