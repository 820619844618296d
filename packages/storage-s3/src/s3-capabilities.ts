import type { CapabilityName, StoreCapabilities, Support, CallOptions } from '@cloud-mirror/storage-provider';
import { CAPABILITY_NAMES, unknownCapabilities } from '@cloud-mirror/storage-provider';
import type { ObjectHead } from './stored-object.ts';

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

/** Where what `setup` found out is left for programs that may not write trial objects. No copy has such a key. */
export const RECORD_KEY = 'about/store';
/** Name of the metadata that holds it, as JSON. */
export const RECORD_METADATA = 'capabilities';

const FRESH_MS = 600_000;
/** After a reading that failed. */
const AGAIN_MS = 60_000;

type Head = (key: string, options: CallOptions) => Promise<ObjectHead | null>;

/** Reads the record at most once in ten minutes, once for all who ask at a time. */
export class CapabilityRecord {
  readonly #head: Head;
  readonly #capabilities: S3Capabilities;
  #dueMs = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(head: Head, capabilities: S3Capabilities) {
    this.#head = head;
    this.#capabilities = capabilities;
  }

  /** Never rejects: without the record less is known, and nothing else is lost. */
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

/** What is no record, or of another version, tells nothing. */
function parseRecord(text: string | undefined): Partial<StoreCapabilities> {
  if (text === undefined) return {};
  const parsed = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  const entries = CAPABILITY_NAMES.map((name) => [name, parsed?.[name]] as const);
  return Object.fromEntries(entries.filter(([, support]) => support === 'yes' || support === 'no'));
}
