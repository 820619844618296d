import type { CallOptions } from './stored-object.ts';

/** Features that not every store of a protocol has. All are optional; docs/stores.md describes what is lost without. */
export const CAPABILITY_NAMES = [
  /** Keys may have empty segments (`https://…`) and are kept as they are. */
  'emptySegments',
  /** A write with `If-None-Match: *` is refused if there is an object at the key. */
  'conditionalCreate',
  /** A write with `If-Match` replaces only the object with that ETag. */
  'conditionalReplace',
  /** Bytes that do not match their checksum are refused. */
  'checksums',
  /** The store accepts the header `x-amz-checksum-crc32`. */
  'checksumHeaders',
  /** A metadata value may be longer than 256 bytes. */
  'longMetadata',
  /** The store removes old objects and ends unfinished uploads by itself. */
  'lifecycle',
] as const;

export type CapabilityName = (typeof CAPABILITY_NAMES)[number];
/** `unknown`: not found out yet. */
export type Support = 'yes' | 'no' | 'unknown';
export type StoreCapabilities = Readonly<Record<CapabilityName, Support>>;

export interface TrialOptions extends CallOptions {
  /** Whether to record the result in the store, for programs without permission for trial writes. */
  readonly record: boolean;
}

/** Capability: reports what the store supports, and can find it out by trial. */
export interface CapabilityTeller {
  /** Returns what is known. Makes at most one small call, and none soon after another. Never rejects. */
  capabilities(options?: CallOptions): Promise<StoreCapabilities>;
  /**
   * Finds out by trial writes, and removes the trial objects afterwards.
   * @throws StorageError if the store does not answer, or refuses every write, read or delete
   */
  tryCapabilities(options: TrialOptions): Promise<StoreCapabilities>;
}

export function isCapabilityTeller(provider: object): provider is CapabilityTeller {
  return 'tryCapabilities' in provider;
}

/** Every capability as `unknown`. */
export function unknownCapabilities(): Record<CapabilityName, Support> {
  const entries = CAPABILITY_NAMES.map((name) => [name, 'unknown'] as const);
  return Object.fromEntries(entries) as Record<CapabilityName, Support>;
}
