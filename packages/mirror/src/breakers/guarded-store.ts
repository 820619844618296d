import { AroundStorageProvider, StorageError } from '@cloud-mirror/storage-provider';
import type {
  CallOptions,
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
  /** Longest time of a HEAD or DELETE with all its tries, in milliseconds. */
  readonly smallCallMs: number;
}

/**
 * A store whose small calls, on which clients wait, have one time limit for all their tries and are not made while the
 * store is silent. Writing and listing go on as they are: a job that fails has a backoff of its own, and `check` has to
 * see the truth.
 */
export class GuardedStore
  extends AroundStorageProvider
  implements UploadSweeper, CapabilityTeller, PubliclyRead, SigningLife, RequestSigner
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
      refusal: () => new StorageError('store_unavailable', 'the store did not answer lately: not asked now'),
    });
  }

  override urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  override urlFor(key: string, method: ReadMethod): Promise<string>;
  override urlFor(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    return signed === undefined
      ? super.urlFor(key, method as ReadMethod)
      : this.#store.urlFor(key, method, signed);
  }

  override head(key: string, options: CallOptions = {}): Promise<StoredObject | null> {
    return this.#small(options, (signal) => super.head(key, { signal }));
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#small(options, (signal) => super.delete(key, { signal }));
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
      const message = `no answer of the store within ${this.#smallCallMs} ms`;
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
