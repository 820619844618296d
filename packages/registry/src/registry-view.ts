import { byStart, changeText } from './instance.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Instance } from './instance.ts';
import type { RegistryChange, RegistrySnapshot } from './registry.ts';

interface Known {
  readonly instance: Instance;
  readonly text: string;
}

/** Changes that are kept for watchers. Whoever falls behind further gets everything again. */
const MOST_KEPT = 1_000;

/** What a process knows of a registry: the instances, their latest changes, and who waits for the next one. */
export class RegistryView {
  readonly #instances = new Map<string, Known>();
  #changes: RegistryChange[] = [];
  /** The revision before the first kept change. */
  #since: number;
  #revision: number;
  #sorted: readonly Instance[] | null = [];
  #wake = Promise.withResolvers<void>();

  constructor(revision: number) {
    this.#revision = revision;
    this.#since = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  has(id: string): boolean {
    return this.#instances.has(id);
  }

  get(id: string): Instance | undefined {
    return this.#instances.get(id)?.instance;
  }

  get ids(): readonly string[] {
    return [...this.#instances.keys()];
  }

  snapshot(ageMs: number): RegistrySnapshot {
    this.#sorted ??= [...this.#instances.values()].map(({ instance }) => instance).sort(byStart);
    return { revision: this.#revision, ageMs, instances: this.#sorted };
  }

  /** An instance as it is at a revision. */
  put(instance: Instance, revision: number): void {
    const known = this.#instances.get(instance.id);
    const text = changeText(instance);
    this.#instances.set(instance.id, { instance, text });
    this.#sorted = null;
    if (known?.text === text) return this.#moveTo(revision);
    this.#append({ kind: known === undefined ? 'up' : 'changed', revision, instance });
  }

  /** The load of an instance, which has no revision. */
  putLoad(id: string, load: Instance['load']): void {
    const known = this.#instances.get(id);
    if (known === undefined) return;
    this.#instances.set(id, { ...known, instance: { ...known.instance, load } });
    this.#sorted = null;
  }

  remove(id: string, revision: number): void {
    const known = this.#instances.get(id);
    if (known === undefined) return this.#moveTo(revision);
    this.#instances.delete(id);
    this.#sorted = null;
    this.#append({ kind: 'down', revision, instance: known.instance });
  }

  addEvent(event: FleetEvent, revision: number): void {
    this.#append({ kind: 'event', revision, event });
  }

  /** Everything as it is at a revision. Changes before it are unknown, so watchers begin again. */
  replaceAll(instances: readonly Instance[], revision: number): void {
    this.#instances.clear();
    for (const instance of instances)
      this.#instances.set(instance.id, { instance, text: changeText(instance) });
    this.#sorted = null;
    this.#changes = [];
    this.#since = revision;
    this.#revision = revision;
    this.#wakeWatchers();
  }

  /** A revision that changed nothing here. */
  #moveTo(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  #append(change: RegistryChange): void {
    this.#moveTo(change.revision);
    this.#changes.push(change);
    if (this.#changes.length > MOST_KEPT) this.#since = this.#changes.shift()?.revision ?? this.#since;
    this.#wakeWatchers();
  }

  #wakeWatchers(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    resolve();
  }

  async *watch(after: number | null, signal: AbortSignal): AsyncGenerator<RegistryChange> {
    const aborted = Promise.withResolvers<void>();
    const end = (): void => aborted.resolve();
    signal.addEventListener('abort', end, { once: true });
    let seen = after;
    try {
      while (!signal.aborted) {
        if (seen === null || seen < this.#since || seen > this.#revision) {
          const { revision, instances } = this.snapshot(0);
          seen = revision;
          yield { kind: 'reset', revision, instances };
          continue;
        }
        const from = seen;
        const next = this.#changes.find((change) => change.revision > from);
        if (next === undefined) {
          await Promise.race([this.#wake.promise, aborted.promise]);
          continue;
        }
        seen = next.revision;
        yield next;
      }
    } finally {
      signal.removeEventListener('abort', end);
    }
  }
}
