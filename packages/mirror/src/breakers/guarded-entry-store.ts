import {
  AroundEntryStore,
  EntryStoreError,
  type EntryStore,
  type EntryStoreCall,
} from '@cloud-mirror/entry-store';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/** Calls that ask what there is. The others would leave something behind if they were not made: they are always tried. */
const ASKING: ReadonlySet<EntryStoreCall['method']> = new Set(['get', 'claim', 'take', 'seal']);

/** An entry store that is not asked what it has while it does not answer. */
export class GuardedEntryStore extends AroundEntryStore {
  constructor(entries: EntryStore, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    const breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof EntryStoreError,
      refusal: () => new EntryStoreError('the entry store did not answer lately: not asked now'),
    });
    let known = entries.epoch;
    super(entries, ({ method }, work) => {
      if (!ASKING.has(method)) return work();
      const { epoch } = entries;
      if (epoch !== known) {
        // The store has answered on a new connection: an outage that is over must not fail the calls of a second.
        known = epoch;
        breaker.reset();
      }
      return breaker.call(work);
    });
  }
}
