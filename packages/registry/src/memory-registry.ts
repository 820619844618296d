import { changeText } from './instance.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Instance } from './instance.ts';
import type { Registry, RegistryChange, RegistrySnapshot } from './registry.ts';
import { RegistryView } from './registry-view.ts';

interface Lease {
  readonly text: string;
  readonly timer: NodeJS.Timeout;
}

/** The registry of one process, for programs that run alone. */
export class MemoryRegistry implements Registry {
  readonly #view = new RegistryView(Date.now());
  readonly #leases = new Map<string, Lease>();

  async announce(instance: Instance, leaseMs: number): Promise<void> {
    const { id } = instance;
    const before = this.#leases.get(id);
    clearTimeout(before?.timer);
    const timer = setTimeout(() => this.#remove(id), leaseMs);
    timer.unref();
    const text = changeText(instance);
    this.#leases.set(id, { text, timer });
    if (before?.text === text) this.#view.putLoad(id, instance.load);
    else this.#view.put(instance, this.#view.revision + 1);
  }

  async leave(id: string): Promise<void> {
    this.#remove(id);
  }

  async record(event: FleetEvent): Promise<number> {
    const revision = this.#view.revision + 1;
    this.#view.addEvent(event, revision);
    return revision;
  }

  get failure(): null {
    return null;
  }

  async check(): Promise<void> {
    // Memory never refuses.
  }

  list(): RegistrySnapshot {
    return this.#view.snapshot(0);
  }

  watch(after: number | null, signal: AbortSignal): AsyncIterable<RegistryChange> {
    return this.#view.watch(after, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#leases.values()) clearTimeout(timer);
    this.#leases.clear();
  }

  #remove(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    clearTimeout(lease.timer);
    this.#leases.delete(id);
    this.#view.remove(id, this.#view.revision + 1);
  }
}
