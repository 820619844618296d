import type { CallOptions } from './stored-object.ts';

/** What stores of one protocol differ in. Each can be done without; docs/stores.md says what that costs. */
export const CAPABILITY_NAMES = [
  /** Keys may have empty segments (`https://…`) and are kept as they are. */
  'emptySegments',
  /** A write with `If-None-Match: *` is refused where the key is taken. */
  'conditionalCreate',
  /** A write with `If-Match` replaces just the object with that ETag. */
  'conditionalReplace',
  /** Bytes that do not match their checksum are refused. */
  'checksums',
  /** `x-amz-checksum-crc32` is a header that the store takes. */
  'checksumHeaders',
  /** A value of metadata may be longer than 256 bytes. */
  'longMetadata',
  /** The store removes old objects and ends unfinished uploads by itself. */
  'lifecycle',
] as const;

export type CapabilityName = (typeof CAPABILITY_NAMES)[number];
/** `unknown`: nothing has told yet. */
export type Support = 'yes' | 'no' | 'unknown';
export type StoreCapabilities = Readonly<Record<CapabilityName, Support>>;

export interface TrialOptions extends CallOptions {
  /** Whether to leave what was found out in the store, for programs that may not try for themselves. */
  readonly record: boolean;
}

/** Capability of a provider: it tells, and tries out, what its store can do. */
export interface CapabilityTeller {
  /** What is known. At most one small call, and none where one was made lately. Never rejects. */
  capabilities(options?: CallOptions): Promise<StoreCapabilities>;
  /**
   * Finds out by trial writes, whose objects are removed again.
   * @throws StorageError where the store does not answer, or refuses to write, read or delete at all
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
