import type { CapabilityName, StoreCapabilities } from './store-capabilities.ts';
import { CAPABILITY_NAMES } from './store-capabilities.ts';

/** The consequence of a missing capability. */
export interface CapabilityLoss {
  readonly capability: CapabilityName;
  /** One sentence: what the store does not do, and the consequence. */
  readonly cost: string;
  /** What the operator can do; `null` if nothing helps. */
  readonly remedy: string | null;
}

const LOSSES: Readonly<Record<CapabilityName, Omit<CapabilityLoss, 'capability'>>> = {
  emptySegments: {
    cost: 'the store refuses or rewrites keys with `//`, which every URL contains: with keys: url nothing is copied',
    remedy: 'set keys: hashed for this region',
  },
  conditionalCreate: {
    cost: 'the store ignores If-None-Match: if two copies are made at the same time, the later one replaces the other',
    remedy: null,
  },
  conditionalReplace: {
    cost: 'the store ignores If-Match: an expired copy may be replaced twice',
    remedy: null,
  },
  checksums: {
    cost: 'the store does not verify checksums: only the signature or TLS detects bytes that are damaged in transit',
    remedy: 'try checksums: when_required, and use https for the endpoint',
  },
  checksumHeaders: {
    cost: 'the store refuses x-amz-checksum headers: writes are sent with Content-MD5 instead, after a first refusal',
    remedy: 'set checksums: when_required for this region, which avoids that refusal',
  },
  longMetadata: {
    cost: 'the store refuses metadata values of more than 256 bytes: long URLs are split into several values',
    remedy: null,
  },
  lifecycle: {
    cost: 'the store removes nothing by itself: expired copies count as absent, but stay until they are replaced or removed',
    remedy: 'remove old objects from time to time, see docs/stores.md; copiers abort unfinished uploads',
  },
};

/** The consequences of the capabilities that the store is known to lack. */
export function lossesOf(capabilities: StoreCapabilities): readonly CapabilityLoss[] {
  return CAPABILITY_NAMES.filter((name) => capabilities[name] === 'no').map((capability) => ({
    capability,
    ...LOSSES[capability],
  }));
}
