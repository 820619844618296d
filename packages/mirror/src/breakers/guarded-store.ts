import { AroundStorageProvider, StorageError } from '@cloud-mirror/storage-provider';
import type {
  CallOptions,
  FolderLister,
  FolderListing,
  FolderPage,
  NetworkStore,
  PublicRead,
  PublicReadOptions,
  PubliclyRead,
  ReadMethod,
  RequestSigner,
  SignedAddressOptions,
  SignedMethod,
  SigningLife,
  StoredObject,
  UploadSweeper,
} from '@cloud-mirror/storage-provider';
import type { CapabilityTeller, StoreCapabilities, TrialOptions } from '@cloud-mirror/storage-provider';
import { TimeLimit } from '@cloud-mirror/waiting';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

export interface GuardedStoreOptions extends Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'> {
  /** The time limit of a HEAD, DELETE or list of one folder including all retries, in milliseconds. */
  readonly smallCallMs: number;
}

/**
 * A store whose HEAD, DELETE and folder calls have a circuit breaker, and a time limit that includes all retries, because clients
 * wait for them. All other calls pass through unchanged: a failed copy job has its own backoff, and `check` must report
 * the current state of the store.
 */
export class GuardedStore
  extends AroundStorageProvider
  implements UploadSweeper, CapabilityTeller, PubliclyRead, SigningLife, RequestSigner, FolderLister
{
  readonly signedMethods: readonly SignedMethod[];
  readonly #store: NetworkStore;
  readonly #breaker: PartBreaker;
  readonly #smallCallMs: number;

  constructor(store: NetworkStore, options: GuardedStoreOptions) {
    super(store, (_call, work) => work());
    this.signedMethods = store.signedMethods;
    this.#store = store;
    this.#smallCallMs = options.smallCallMs;
    this.#breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof StorageError && error.code === 'store_unavailable',
      refusal: () =>
        new StorageError('store_unavailable', 'the store is not responding, so this call was not made'),
    });
  }

  override urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  override urlFor(key: string, method: ReadMethod): Promise<string>;
  override urlFor(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    return signed === undefined
      ? super.urlFor(key, method as ReadMethod)
      : this.#store.urlFor(key, method, signed);
  }

  urlNow(key: string, method: SignedMethod, signed: SignedAddressOptions): string | null {
    return this.#store.urlNow(key, method, signed);
  }

  override head(key: string, options: CallOptions = {}): Promise<StoredObject | null> {
    return this.#small(options, (signal) => super.head(key, { signal }));
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#small(options, (signal) => super.delete(key, { signal }));
  }

  listFolder(prefix: string, options: FolderListing): Promise<FolderPage> {
    return this.#small(options, (signal) => this.#store.listFolder(prefix, { ...options, signal }));
  }

  credentialsExpireAt(): Promise<Date | null> {
    return this.#store.credentialsExpireAt();
  }

  checkPublicRead(options?: PublicReadOptions): Promise<PublicRead> {
    return this.#store.checkPublicRead(options);
  }

  sweepUploads(olderThanMs: number, options?: CallOptions): Promise<number> {
    return this.#store.sweepUploads(olderThanMs, options);
  }

  capabilities(options?: CallOptions): Promise<StoreCapabilities> {
    return this.#store.capabilities(options);
  }

  tryCapabilities(options: TrialOptions): Promise<StoreCapabilities> {
    return this.#store.tryCapabilities(options);
  }

  #small<T>({ signal }: CallOptions, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#breaker.call(async () => {
      const message = `the store did not answer within ${this.#smallCallMs} ms`;
      using limit = new TimeLimit(this.#smallCallMs, () => new Error(message));
      limit.endOn(signal);
      try {
        return await call(limit.signal);
      } catch (error) {
        if (!limit.timedOut || signal?.aborted === true) throw error;
        throw new StorageError('store_unavailable', message, { cause: error });
      }
    });
  }
}
