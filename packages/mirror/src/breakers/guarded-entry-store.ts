import {
  AroundEntryStore,
  EntryStoreError,
  type EntryStore,
  type EntryStoreCall,
} from '@cloud-mirror/entry-store';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/**
 * The calls that the breaker guards. The other calls, such as the release of a claim, are always made: skipping one would
 * leave an entry in an outdated state.
 */
const GUARDED_CALLS: ReadonlySet<EntryStoreCall['method']> = new Set([
  'get',
  'claim',
  'take',
  'noteCheck',
  'seal',
]);

/** An entry store with a circuit breaker: while the store does not respond, reads and claims fail at once. */
export class GuardedEntryStore extends AroundEntryStore {
  constructor(entries: EntryStore, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    const breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof EntryStoreError,
      refusal: () => new EntryStoreError('the entry store is not responding, so this call was not made'),
    });
    let known = entries.epoch;
    super(entries, ({ method }, work) => {
      if (!GUARDED_CALLS.has(method)) return work();
      const { epoch } = entries;
      if (epoch !== known) {
        // A new connection shows that the outage is over. Without this reset, calls would fail until the next trial call.
        known = epoch;
        breaker.reset();
      }
      return breaker.call(work);
    });
  }
}
