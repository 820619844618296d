import type {
  CallOptions,
  ListedObject,
  PrepareOptions,
  PutOptions,
  StorageProvider,
  StoredObject,
} from '@cloud-mirror/storage-provider';

const LONG_PAST = new Date('2020-01-01T00:00:00Z');

/**
 * A StorageProvider that can say of an object that its life is over although it was not removed yet, as S3 does between
 * the expiry date and its clean-up. Signs addresses, where it is asked to, by naming the method in the query.
 */
export class ExpiringStore implements StorageProvider {
  access: 'public' | 'signed' = 'public';
  readonly #inner: StorageProvider;
  /** ETags of what is past its life. */
  readonly #expired = new Set<string>();

  constructor(inner: StorageProvider) {
    this.#inner = inner;
  }

  /** Ends the life of what lies at `key` now. @returns its ETag */
  async expire(key: string): Promise<string> {
    const etag = (await this.#inner.head(key))?.etag;
    if (etag === undefined || etag === null) throw new Error(`nothing to expire at ${key}`);
    this.#expired.add(`${key} ${etag}`);
    return etag;
  }

  get maxKeyBytes(): number {
    return this.#inner.maxKeyBytes;
  }

  async urlFor(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    const address = await this.#inner.urlFor(key, method);
    return this.access === 'public' ? address : `${address}?signed-for=${method}`;
  }

  async head(key: string, options?: CallOptions): Promise<StoredObject | null> {
    const object = await this.#inner.head(key, options);
    if (object === null || !this.#expired.has(`${key} ${object.etag}`)) return object;
    return { ...object, expiresAt: LONG_PAST };
  }

  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    return this.#inner.put(key, body, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#inner.delete(key, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject> {
    return this.#inner.list(prefix, options);
  }

  prepare(options: PrepareOptions): Promise<readonly string[]> {
    return this.#inner.prepare(options);
  }

  check(options?: CallOptions): Promise<void> {
    return this.#inner.check(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}
