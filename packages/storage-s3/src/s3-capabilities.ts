import type { CapabilityName, StoreCapabilities, Support, CallOptions } from '@cloud-mirror/storage-provider';
import { CAPABILITY_NAMES, unknownCapabilities } from '@cloud-mirror/storage-provider';
import type { ObjectHead } from './stored-object.ts';

/** A missing capability is tried again after this time: the store may be upgraded, or the refusal may be a mistake. */
const TRY_AGAIN_MS = 3_600_000;

interface Known {
  readonly support: 'yes' | 'no';
  /** By `performance.now()`. */
  readonly sinceMs: number;
}

/** What one provider knows about the capabilities of its store. */
export class S3Capabilities {
  readonly #known = new Map<CapabilityName, Known>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  learn(name: CapabilityName, support: 'yes' | 'no'): void {
    this.#known.set(name, { support, sinceMs: this.#nowMs() });
  }

  /** Adopts results of another process for capabilities that are unknown here. */
  learnUnknown(found: Partial<StoreCapabilities>): void {
    for (const name of CAPABILITY_NAMES) {
      const support = found[name];
      if (!this.#known.has(name) && (support === 'yes' || support === 'no')) this.learn(name, support);
    }
  }

  /** Whether to send requests without this feature. False an hour after the last refusal, so that it is tried again. */
  lacks(name: CapabilityName): boolean {
    const known = this.#known.get(name);
    return known?.support === 'no' && this.#nowMs() - known.sinceMs < TRY_AGAIN_MS;
  }

  get all(): StoreCapabilities {
    const all: Record<CapabilityName, Support> = unknownCapabilities();
    for (const [name, { support }] of this.#known) all[name] = support;
    return all;
  }
}

/**
 * Sends a request with a feature that some stores refuse. After a refusal that may be about the feature, the request is
 * sent once without it. If that succeeds, the store lacks the feature.
 * @throws the first refusal if the request is also refused without the feature
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

/** The key of the capabilities that `setup` found, for programs without permission for trials. No copy has this key. */
export const RECORD_KEY = 'about/store';
/** The metadata name of the record, which is JSON. */
export const RECORD_METADATA = 'capabilities';

const FRESH_MS = 600_000;
/** Time until the next read after a failed one. */
const AGAIN_MS = 60_000;

type Head = (key: string, options: CallOptions) => Promise<ObjectHead | null>;

/** Reads the record at most once in ten minutes. Single flight: concurrent callers share one read. */
export class CapabilityRecord {
  readonly #head: Head;
  readonly #capabilities: S3Capabilities;
  #dueMs = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(head: Head, capabilities: S3Capabilities) {
    this.#head = head;
    this.#capabilities = capabilities;
  }

  /** Never rejects, because the record is optional: without it fewer capabilities are known. */
  load(options: CallOptions): Promise<void> {
    if (performance.now() < this.#dueMs) return Promise.resolve();
    this.#reading ??= this.#read(options).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(options: CallOptions): Promise<void> {
    try {
      const head = await this.#head(RECORD_KEY, options);
      this.#dueMs = performance.now() + FRESH_MS;
      this.#capabilities.learnUnknown(parseRecord(head?.Metadata?.[RECORD_METADATA]));
    } catch {
      this.#dueMs = performance.now() + AGAIN_MS;
    }
  }
}

export function recordOf(capabilities: StoreCapabilities): string {
  return JSON.stringify(capabilities);
}

/** Ignores values that are absent or unknown, for example in the record of another version. */
function parseRecord(text: string | undefined): Partial<StoreCapabilities> {
  if (text === undefined) return {};
  const parsed = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  const entries = CAPABILITY_NAMES.map((name) => [name, parsed?.[name]] as const);
  return Object.fromEntries(entries.filter(([, support]) => support === 'yes' || support === 'no'));
}
