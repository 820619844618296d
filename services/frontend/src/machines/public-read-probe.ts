import { setTimeout as delay } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isPubliclyRead } from '@cloud-mirror/storage-provider';
import type { PublicRead } from '@cloud-mirror/storage-provider';

/** How long a result is used, in milliseconds. Each probe checks a refusal again, so that it ends with its cause. */
const HOLDS_MS: Readonly<Record<PublicRead['state'], number>> = {
  readable: 300_000,
  untried: 20_000,
  refused: 0,
};
/** The time limit of a read, including the calls that precede it. */
const READ_LIMIT_MS = 15_000;
/** How long a probe waits for a read. Short, because a public URL that does not answer is no fault of the store. */
const WAIT_MS = 1_000;

/**
 * Checks whether a store refuses clients the copies to which they are redirected. The result of one anonymous read
 * serves all probes for minutes. Only a refusal counts: if the read is impossible, or the public URL cannot be reached
 * from here, clients may still succeed.
 */
export class PublicReadProbe {
  readonly #results = new Map<string, { readonly state: PublicRead['state']; readonly atMs: number }>();
  readonly #reading = new Map<string, Promise<void>>();

  /** @returns whether the last completed read was refused */
  async isRefused(backend: Backend): Promise<boolean> {
    const { name, store } = backend;
    if (store.access !== 'public' || !isPubliclyRead(store)) return false;
    const known = this.#results.get(name);
    if (known === undefined || performance.now() - known.atMs >= HOLDS_MS[known.state]) {
      const reading = this.#reading.get(name) ?? this.#read(backend);
      if (known?.state !== 'readable')
        await Promise.race([reading, delay(WAIT_MS, undefined, { ref: false })]);
    }
    return this.#results.get(name)?.state === 'refused';
  }

  #read({ name, store }: Backend): Promise<void> {
    if (!isPubliclyRead(store)) return Promise.resolve();
    const reading = store
      .checkPublicRead({ signal: AbortSignal.timeout(READ_LIMIT_MS) })
      .then(
        ({ state }) => state,
        // The store does not answer, which the probe of the store reports.
        () => 'untried' as const,
      )
      .then((state) => {
        this.#results.set(name, { state, atMs: performance.now() });
        this.#reading.delete(name);
      });
    this.#reading.set(name, reading);
    return reading;
  }
}
