import { StorageError } from '@cloud-mirror/storage-provider';
import type {
  CallOptions,
  ListedObject,
  OpenedBody,
  OpenOptions,
  PrepareOptions,
  PublicRead,
  PublicReadOptions,
  PubliclyRead,
  SigningLife,
  PutOptions,
  StorageProvider,
  StoredObject,
  UploadSweeper,
  NetworkStore,
  ReadMethod,
  RequestSigner,
  SignedAddressOptions,
  SignedMethod,
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
  implements StorageProvider, UploadSweeper, CapabilityTeller, PubliclyRead, SigningLife, RequestSigner
{
  readonly maxKeyBytes: number;
  readonly signedMethods: readonly SignedMethod[];
  readonly access: 'public' | 'signed';
  readonly #store: NetworkStore;
  readonly #breaker: PartBreaker;
  readonly #smallCallMs: number;

  constructor(store: NetworkStore, options: GuardedStoreOptions) {
    this.maxKeyBytes = store.maxKeyBytes;
    this.access = store.access;
    this.signedMethods = store.signedMethods;
    this.#store = store;
    this.#smallCallMs = options.smallCallMs;
    this.#breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof StorageError && error.code === 'store_unavailable',
      refusal: () => new StorageError('store_unavailable', 'the store did not answer lately: not asked now'),
    });
  }

  urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  urlFor(key: string, method: ReadMethod): Promise<string>;
  urlFor(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    return signed === undefined
      ? this.#store.urlFor(key, method as ReadMethod)
      : this.#store.urlFor(key, method, signed);
  }

  open(key: string, options?: OpenOptions): Promise<OpenedBody | null> {
    return this.#store.open(key, options);
  }

  head(key: string, options: CallOptions = {}): Promise<StoredObject | null> {
    return this.#small(options, (signal) => this.#store.head(key, { signal }));
  }

  delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#small(options, (signal) => this.#store.delete(key, { signal }));
  }

  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    return this.#store.put(key, body, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject> {
    return this.#store.list(prefix, options);
  }

  prepare(options: PrepareOptions): Promise<readonly string[]> {
    return this.#store.prepare(options);
  }

  check(options?: CallOptions): Promise<void> {
    return this.#store.check(options);
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.#store[Symbol.asyncDispose]();
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
