import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isCapabilityTeller, lossesOf } from '@cloud-mirror/storage-provider';
import type { CapabilityLoss, StoreCapabilities } from '@cloud-mirror/storage-provider';

/** The result of trial writes to a store. */
export interface StoreTrial {
  readonly capabilities: StoreCapabilities;
  /** Missing capabilities that matter with this configuration. */
  readonly losses: readonly CapabilityLoss[];
  /** The loss that makes copying impossible; null if there is none. */
  readonly fatal: CapabilityLoss | null;
}

/**
 * Finds out by trial writes which capabilities the store of a back end has.
 * @param record whether to leave the result in the store, for programs that may not write trial objects
 * @returns null for a kind of store whose capabilities are known
 * @throws StorageError if the store does not answer, or refuses to write, read or delete at all
 */
export async function tryStore(
  { store, keys }: Backend,
  { record, signal }: { readonly record: boolean; readonly signal?: AbortSignal },
): Promise<StoreTrial | null> {
  if (!isCapabilityTeller(store)) return null;
  const capabilities = await store.tryCapabilities({ record, signal });
  const losses = lossesOf(capabilities);
  // With hashed keys no key has an empty segment.
  const relevant = losses.filter(({ capability }) => capability !== 'emptySegments' || keys !== 'hashed');
  return {
    capabilities,
    losses: relevant,
    fatal: relevant.find(({ capability }) => capability === 'emptySegments') ?? null,
  };
}

/** A sentence that names the cost and the remedy. */
export function describeLoss({ cost, remedy }: CapabilityLoss): string {
  return remedy === null ? cost : `${cost}; ${remedy}`;
}
