import type { CallOptions, StoreCapabilities } from '@cloud-mirror/storage-provider';
import { CAPABILITY_NAMES } from '@cloud-mirror/storage-provider';
import type { ObjectHead } from './object-head.ts';
import type { S3Capabilities } from './s3-capabilities.ts';

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
