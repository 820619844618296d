import { AroundStorageProvider } from '@cloud-mirror/storage-provider';
import type {
  CallOptions,
  PutOptions,
  StorageProvider,
  StoreClock,
  StoredObject,
} from '@cloud-mirror/storage-provider';

const LONG_PAST = new Date('2020-01-01T00:00:00Z');

/**
 * A StorageProvider whose clock may differ from this machine's, and that can report an object as expired while it still exists, like S3 between the expiry date and the
 * deletion. With `access` set to `signed`, it marks URLs as signed by naming the method in the query.
 */
export class ExpiringStore extends AroundStorageProvider {
  #access: 'public' | 'signed' = 'public';
  /** How far this machine's clock is ahead of the store's, in milliseconds. */
  aheadMs = 0;
  /** Keys and ETags of expired objects. */
  readonly #expired = new Set<string>();

  constructor(inner: StorageProvider) {
    super(inner, (_call, work) => work());
  }

  override get access(): 'public' | 'signed' {
    return this.#access;
  }

  override set access(access: 'public' | 'signed') {
    this.#access = access;
  }

  override get clock(): StoreClock {
    return { aheadMs: this.aheadMs, nowMs: () => Date.now() - this.aheadMs };
  }

  /** Expires the current object at `key`. @returns its ETag */
  async expire(key: string): Promise<string> {
    const etag = (await super.head(key))?.etag;
    if (etag === undefined || etag === null) throw new Error(`there is no object at ${key} to expire`);
    this.#expired.add(`${key} ${etag}`);
    return etag;
  }

  override async urlFor(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    const address = await super.urlFor(key, method);
    return this.access === 'public' ? address : `${address}?signed-for=${method}`;
  }

  override async head(key: string, options?: CallOptions): Promise<StoredObject | null> {
    const object = await super.head(key, options);
    if (object === null) return null;
    const isExpired = this.#expired.has(`${key} ${object.etag}`);
    return { ...this.#inStoreTime(object), ...(isExpired && { expiresAt: LONG_PAST }) };
  }

  override async put(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<StoredObject> {
    return this.#inStoreTime(await super.put(key, body, options));
  }

  #inStoreTime(object: StoredObject): StoredObject {
    return { ...object, storedAt: new Date(object.storedAt.getTime() - this.aheadMs) };
  }
}
