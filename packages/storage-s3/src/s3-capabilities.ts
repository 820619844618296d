import type { CapabilityName, StoreCapabilities, Support } from '@cloud-mirror/storage-provider';
import { CAPABILITY_NAMES, unknownCapabilities } from '@cloud-mirror/storage-provider';

/** For how long a lack that an answer told of is believed: stores are upgraded, and one answer may be a mistake. */
const BELIEVED_MS = 3_600_000;

interface Known {
  readonly support: 'yes' | 'no';
  /** By `performance.now()`. */
  readonly sinceMs: number;
}

/** What one provider knows of its store: one value for each capability, whatever was asked and however often. */
export class S3Capabilities {
  readonly #known = new Map<CapabilityName, Known>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  learn(name: CapabilityName, support: 'yes' | 'no'): void {
    this.#known.set(name, { support, sinceMs: this.#nowMs() });
  }

  /** Takes over what another process found out, where nothing is known here. */
  learnUnknown(found: Partial<StoreCapabilities>): void {
    for (const name of CAPABILITY_NAMES) {
      const support = found[name];
      if (!this.#known.has(name) && (support === 'yes' || support === 'no')) this.learn(name, support);
    }
  }

  /** Whether to do without. After an hour the store is asked again. */
  lacks(name: CapabilityName): boolean {
    const known = this.#known.get(name);
    return known?.support === 'no' && this.#nowMs() - known.sinceMs < BELIEVED_MS;
  }

  get all(): StoreCapabilities {
    const all: Record<CapabilityName, Support> = unknownCapabilities();
    for (const [name, { support }] of this.#known) all[name] = support;
    return all;
  }
}

/**
 * Sends a request with a feature that some stores refuse. After a refusal that may be about the feature it is sent once
 * without; if that succeeds, the store is known to lack the feature.
 * @throws the first refusal where the request is refused without the feature as well
 */
export async function withOrWithout<T>(
  capabilities: S3Capabilities,
  name: CapabilityName,
  send: (withFeature: boolean) => Promise<T>,
  mayBeAbout: (error: unknown) => boolean,
): Promise<T> {
  if (capabilities.lacks(name)) return send(false);
  try {
    return await send(true);
  } catch (refusal) {
    if (!mayBeAbout(refusal)) throw refusal;
    let sent: T;
    try {
      sent = await send(false);
    } catch (error) {
      throw mayBeAbout(error) ? refusal : error;
    }
    capabilities.learn(name, 'no');
    return sent;
  }
}
