import { setTimeout as delay } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isPubliclyRead } from '@cloud-mirror/storage-provider';
import type { PublicRead } from '@cloud-mirror/storage-provider';

/** How long a result holds, in milliseconds. A refusal is looked at with every probe, so that it is over when it is mended. */
const HOLDS_MS: Readonly<Record<PublicRead['state'], number>> = {
  readable: 300_000,
  untried: 20_000,
  refused: 0,
};
/** Longest time of a read with the calls before it. */
const READ_LIMIT_MS = 15_000;
/** How much of it a probe waits for: a public address that does not answer says nothing against the store. */
const WAIT_MS = 1_000;

/**
 * Whether clients are refused what they are redirected to. One anonymous read of a copy serves all probes for minutes.
 * Only a refusal counts: where nothing can be tried, or the public address does not answer from here, clients may be better off.
 */
export class PublicReadProbe {
  readonly #results = new Map<string, { readonly state: PublicRead['state']; readonly atMs: number }>();
  readonly #reading = new Map<string, Promise<void>>();

  /** @returns whether the last read that has ended was refused */
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
        // The store itself does not answer, which the probe of the store tells.
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
