import { createHash } from 'node:crypto';
import type { TestContext } from 'vitest';
import { lossesOf } from '../src/index.ts';
import type { CapabilityName, StorageProvider, StoreCapabilities } from '../src/index.ts';

/** An adapter under test, with its own empty bucket or folder. */
export interface ContractSubject extends AsyncDisposable {
  readonly provider: StorageProvider;
  /** Maximum bytes that the adapter stores in one piece. Longer bodies exercise its code for large objects. */
  readonly pieceBytes: number;
  /** Capabilities of the store behind the adapter. Tests that need one which is `no` are skipped, with the reason. */
  readonly capabilities: StoreCapabilities;
  /** Begins an upload of this key and does not finish it. For adapters that sweep uploads. */
  readonly beginUpload?: (key: string) => Promise<void>;
  /** Lists unfinished uploads or temporary files. */
  leftovers(): Promise<readonly string[]>;
  /** Fetches an address of `urlFor`, for adapters whose files need a server. */
  readonly fetch?: (address: string, method: 'GET' | 'HEAD') => Promise<Fetched>;
}

export interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Skips the test if the store behind the adapter lacks the capability, and gives the consequence as the reason. */
export function needs(context: TestContext, subject: ContractSubject, capability: CapabilityName): void {
  const lost = lossesOf(subject.capabilities).find((loss) => loss.capability === capability);
  if (lost !== undefined) context.skip(lost.cost);
}

/** A key like that of a copy: a URL, or a hashed key if the store refuses URLs. */
export function at(subject: ContractSubject, name: string): string {
  const url = `https://o.example.com/${name}`;
  return subject.capabilities.emptySegments === 'no' ? `sha256/0/${sha256(Buffer.from(url))}` : url;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
