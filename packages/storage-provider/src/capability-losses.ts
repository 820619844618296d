import type { CapabilityName, StoreCapabilities } from './store-capabilities.ts';
import { CAPABILITY_NAMES } from './store-capabilities.ts';

/** What the mirror loses with a capability. */
export interface CapabilityLoss {
  readonly capability: CapabilityName;
  /** One sentence: what the store does not do, and what follows. */
  readonly cost: string;
  /** What the operator may do; `null` where there is nothing. */
  readonly remedy: string | null;
}

const LOSSES: Readonly<Record<CapabilityName, Omit<CapabilityLoss, 'capability'>>> = {
  emptySegments: {
    cost: 'the store refuses or rewrites keys with `//`, which every URL has: nothing is copied with keys: url',
    remedy: 'set keys: hashed for this region',
  },
  conditionalCreate: {
    cost: 'the store does not honour If-None-Match: two copies made at the same time are both stored, the later one stays',
    remedy: null,
  },
  conditionalReplace: {
    cost: 'the store does not honour If-Match: a copy past its life may be replaced twice, and the later one stays',
    remedy: null,
  },
  checksums: {
    cost: 'the store does not check the checksums of what it is sent: bytes damaged on their way are noticed by the signature alone, or by TLS',
    remedy: 'try checksums: when_required, and use https for the endpoint',
  },
  checksumHeaders: {
    cost: 'the store refuses x-amz-checksum headers: each write is sent with Content-MD5 instead, after one refusal',
    remedy: 'set checksums: when_required for this region, which spares that refusal',
  },
  longMetadata: {
    cost: 'the store refuses metadata of more than 256 bytes: long URLs are stored in several pieces',
    remedy: null,
  },
  lifecycle: {
    cost: 'the store removes nothing by itself: copies past their life count as absent, but stay until they are replaced or somebody removes them',
    remedy: 'remove old objects from time to time, see docs/stores.md; copiers end unfinished uploads',
  },
};

/** What is lost for sure: capabilities that the store does not have. */
export function lossesOf(capabilities: StoreCapabilities): readonly CapabilityLoss[] {
  return CAPABILITY_NAMES.filter((name) => capabilities[name] === 'no').map((capability) => ({
    capability,
    ...LOSSES[capability],
  }));
}
