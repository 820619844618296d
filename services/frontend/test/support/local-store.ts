import { LOCAL_CLOCK } from '@cloud-mirror/storage-provider';
import type {
  LocallyServed,
  MeasuredObject,
  OpenObject,
  StorageProvider,
} from '@cloud-mirror/storage-provider';

/** Serves objects from memory in chunks, and counts read bytes and open objects. */
export class LocalStore implements LocallyServed {
  readonly access = 'public';
  readonly clock = LOCAL_CLOCK;
  readonly objects = new Map<string, { object: MeasuredObject; bytes: Buffer }>();
  readonly chunkBytes: number;
  opened = 0;
  bytesRead = 0;
  failAfterBytes = Infinity;
  readonly withdrawal = new AbortController();
  readonly removedObjects = { bytes: 0, readersCut: 0 };
  /** Resolves when the next object is closed. */
  closed = Promise.withResolvers<void>();

  constructor(chunkBytes = 64 * 1024) {
    this.chunkBytes = chunkBytes;
  }

  asStore(): Partial<StorageProvider> {
    return this;
  }

  async check(): Promise<void> {}

  openKey(key: string): Promise<OpenObject | null> {
    return this.openNamed(key);
  }

  async openNamed(name: string): Promise<OpenObject | null> {
    const found = this.objects.get(name);
    if (found === undefined) return null;
    this.opened += 1;
    return {
      key: name,
      object: found.object,
      withdrawn: this.withdrawal.signal,
      read: (start, endExclusive) => this.#read(found.bytes.subarray(start, endExclusive)),
      [Symbol.asyncDispose]: async () => {
        this.opened -= 1;
        this.closed.resolve();
      },
    };
  }

  async *#read(bytes: Buffer): AsyncIterable<Uint8Array> {
    for (let at = 0; at < bytes.length; at += this.chunkBytes) {
      if (this.bytesRead >= this.failAfterBytes) throw new Error('the disk is gone');
      const chunk = bytes.subarray(at, at + this.chunkBytes);
      this.bytesRead += chunk.length;
      yield chunk;
    }
  }
}
