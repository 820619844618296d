import type { Registry } from '@cloud-mirror/registry';
import { pause } from '@cloud-mirror/waiting';
import { InstanceNames } from './instance-names.ts';

/** What names need of a registry. */
export type RegistrySource = Pick<Registry, 'list' | 'watch'>;

export interface RegistryNamesOptions {
  readonly source: RegistrySource;
  /** How long the last state is good for without the registry. */
  readonly staleSeconds: number;
  /** Called if the changes end with an error. They are read again from the beginning. */
  readonly onError: (error: Error) => void;
}

const CHECK_MS = 500;

/** The names of the instances in a registry, kept up to date by its changes. Disposal ends that. */
export class RegistryNames implements AsyncDisposable {
  readonly names = new InstanceNames();
  readonly #options: RegistryNamesOptions;
  readonly #closed = new AbortController();
  readonly #running: Promise<unknown>;
  /** When the registry was read last, by `performance.now()`. */
  #readAtMs = -Infinity;
  #revision = 0;

  constructor(options: RegistryNamesOptions) {
    this.#options = options;
    this.#look();
    this.#running = Promise.all([this.#follow(), this.#lookAgain()]);
  }

  get revision(): number {
    return this.#revision;
  }

  get ageMs(): number {
    return performance.now() - this.#readAtMs;
  }

  get isStale(): boolean {
    // A look is late by its interval at most.
    return this.ageMs > this.#options.staleSeconds * 1000 + CHECK_MS;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closed;
    const { source, onError } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const change of source.watch(null, signal)) {
          this.names.apply(change);
          this.#revision = change.revision;
        }
      } catch (error) {
        onError(error as Error);
      }
      await pause(CHECK_MS, signal);
    }
  }

  async #lookAgain(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await pause(CHECK_MS, signal);
      this.#look();
    }
  }

  #look(): void {
    this.#readAtMs = performance.now() - this.#options.source.list().ageMs;
  }
}
