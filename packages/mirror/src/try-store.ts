import type { Backend } from '@cloud-mirror/cache-manager';
import { isCapabilityTeller, lossesOf } from '@cloud-mirror/storage-provider';
import type { CapabilityLoss, StoreCapabilities } from '@cloud-mirror/storage-provider';

/** What a store turned out not to do, as far as it matters with the configuration. */
export interface StoreTrial {
  readonly capabilities: StoreCapabilities;
  readonly losses: readonly CapabilityLoss[];
  /** The loss with which nothing can be copied; `null` where there is none. */
  readonly fatal: CapabilityLoss | null;
}

/**
 * Finds out by trial writes what the store of a back end can do; `null` where its kind leaves nothing to find out.
 * @param record whether to leave the result in the store, for programs that may not write trial objects
 * @throws StorageError where the store does not answer, or refuses to write, read or delete at all
 */
export async function tryStore(
  { store, keys }: Backend,
  { record, signal }: { readonly record: boolean; readonly signal?: AbortSignal },
): Promise<StoreTrial | null> {
  if (!isCapabilityTeller(store)) return null;
  const capabilities = await store.tryCapabilities({ record, signal });
  const losses = lossesOf(capabilities);
  // With hashed keys no key has an empty segment.
  const felt = losses.filter(({ capability }) => capability !== 'emptySegments' || keys !== 'hashed');
  return {
    capabilities,
    losses: felt,
    fatal: felt.find(({ capability }) => capability === 'emptySegments') ?? null,
  };
}

/** One sentence with the remedy. */
export function describeLoss({ cost, remedy }: CapabilityLoss): string {
  return remedy === null ? cost : `${cost}; ${remedy}`;
}
