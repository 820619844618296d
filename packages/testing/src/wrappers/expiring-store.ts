import type {
  CallOptions,
  ListedObject,
  OpenedBody,
  OpenOptions,
  PrepareOptions,
  PutOptions,
  StorageProvider,
  StoredObject,
} from '@cloud-mirror/storage-provider';

const LONG_PAST = new Date('2020-01-01T00:00:00Z');

/**
 * A StorageProvider that can report an object as expired while it still exists, like S3 between the expiry date and the
 * deletion. With `access` set to `signed`, it marks URLs as signed by naming the method in the query.
 */
export class ExpiringStore implements StorageProvider {
  access: 'public' | 'signed' = 'public';
  readonly #inner: StorageProvider;
  /** Keys and ETags of expired objects. */
  readonly #expired = new Set<string>();

  constructor(inner: StorageProvider) {
    this.#inner = inner;
  }

  /** Expires the current object at `key`. @returns its ETag */
  async expire(key: string): Promise<string> {
    const etag = (await this.#inner.head(key))?.etag;
    if (etag === undefined || etag === null) throw new Error(`there is no object at ${key} to expire`);
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

  open(key: string, options?: OpenOptions): Promise<OpenedBody | null> {
    return this.#inner.open(key, options);
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
