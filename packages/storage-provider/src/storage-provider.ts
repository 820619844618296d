/**
 * Where the copies of one back end (one region of one service) live.
 *
 * Contract for every adapter:
 * - Keys are opaque strings of at most {@link StorageProvider.maxKeyBytes} bytes of UTF-8; any Unicode text is a key.
 * - Absence is a value (`null`, an empty listing), never an exception. "May not look" is not absence: it throws.
 * - Every method may be called concurrently, also for one key; the last completed write of a key wins.
 * - Every method rejects with a {@link StorageError}, or with the signal's reason once `signal` is aborted.
 * - Reads see every write that completed before they began.
 */
export interface StorageProvider extends AsyncDisposable {
  /** Longest key this store takes, in bytes of UTF-8. */
  readonly maxKeyBytes: number;

  /** Whether an address needs no signature. Public addresses never change and serve GET and HEAD alike. */
  readonly access: 'public' | 'signed';

  /**
   * The address at which a client reads the object. Does not look whether it exists.
   * A signed address serves only this key and this method, and only for the configured time.
   */
  urlFor(key: string, method: 'GET' | 'HEAD'): Promise<string>;

  /** What is stored under `key`; `null` where nothing is. */
  head(key: string, options?: CallOptions): Promise<StoredObject | null>;

  /**
   * Stores an object, all or nothing: no reader ever sees a part of it, and nothing stays behind (no open upload, no
   * temporary file) when it fails. `body` is read to its end before anything becomes visible, so a body that throws,
   * at the end as well, stores nothing and the error of the body is what `put` rejects with.
   * A chunk of `body` may lose its bytes, or have others, as soon as the next one is asked for.
   * A body of another length than `options.sizeBytes` stores nothing: `store_rejected`, retryable.
   * Bytes are verified on their way: each request carries a checksum that the store checks.
   * @throws StorageError `store_exists` where `options.ifNoneMatch` is set, the store honours it and the key is taken
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>;

  /** Removes an object. One that is not there is removed already. Each call is tried once: no late repetition. */
  delete(key: string, options?: CallOptions): Promise<void>;

  /** Every object whose key begins with `prefix`, in no order that one may rely on. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;

  /**
   * Makes the place where copies live, with its lifecycle rules, where it is missing. Safe to call again.
   * @returns one line for each thing made or changed, for the operator to read; empty where all was in place
   */
  prepare(options: PrepareOptions): Promise<readonly string[]>;

  /** Resolves when the store answers and the place for copies exists. For readiness; costs one small call. */
  check(options?: CallOptions): Promise<void>;

  /** Closes connections. Calls under way are cut. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PrepareOptions extends CallOptions {
  /** Objects whose keys begin so outlive the others: they are kept `lifespanDays` + 30 days. */
  readonly longLivedPrefix: string;
  /**
   * Objects whose keys begin with one of these are kept `lifespanDays`. They are named because lifecycle rules of
   * stores know no exception: a rule for everything would take the long-lived ones as well. Unfinished uploads of any
   * key are ended after a day.
   */
  readonly objectPrefixes: readonly string[];
}

/**
 * Headers of the origin that travel with the bytes, as received. Adapters store what {@link storableHeaders} leaves of
 * them.
 */
export interface ObjectHeaders {
  /** `application/octet-stream` where the origin named none. */
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** An HTTP date in the form of IMF-fixdate. */
  readonly expires?: string | undefined;
}

export interface PutOptions extends CallOptions {
  readonly headers: ObjectHeaders;
  /** Bytes that `body` will yield; `null` where nobody knows yet. A body of another length fails the put. */
  readonly sizeBytes: number | null;
  /**
   * Metadata to store, names in lower case, values any text (adapters encode what their store cannot hold).
   * Asked when it has to be sent: for a multipart upload that is before the body was read.
   */
  readonly metadata: () => Readonly<Record<string, string>>;
  /**
   * What the origin's users said of the object, stored beside `metadata` as far as there is room: each value whole or
   * not at all, in this order. A name that `metadata` has as well is left out. The caller has checked that stores take
   * the names for nothing else.
   */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** `*`: only if the key is free. Ignored by stores that do not honour it. */
  readonly ifNoneMatch?: '*' | undefined;
  /** Only over the object with this ETag. Ignored by stores that do not honour it. */
  readonly ifMatch?: string | undefined;
  /**
   * How often a request to the store is tried at most; the adapter's own setting where absent. 1: nothing is ever
   * repeated, so nothing of this put arrives after it was settled by the store's answer.
   */
  readonly attempts?: number | undefined;
  /**
   * The object is never removed to make room for others. Its bytes count like those of any other object. Default false.
   * For stores of limited room; others keep objects by the rules of `prepare`.
   */
  readonly keep?: boolean | undefined;
  /** Called as the store takes bytes: the sum so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface StoredObject {
  /** `null` if the store does not say: a gateway in front of it leaves out Content-Length. */
  readonly sizeBytes: number | null;
  /** As the store gives it, quotes included; `null` where it gives none. */
  readonly etag: string | null;
  readonly storedAt: Date;
  /** When the store will remove the object by itself; `null` where it will not, or does not say. */
  readonly expiresAt: Date | null;
  readonly headers: ObjectHeaders;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string | null;
  readonly sizeBytes: number;
  readonly storedAt: Date;
}

/** Capability: objects of this store are files that the front end itself serves (kind `filesystem`). */
export interface LocallyServed {
  /**
   * Opens the object called `name` (the last segment of its address) for reading; `null` where there is none.
   * Counts as a use of the object when room is needed. The caller disposes of it.
   */
  open(name: string, options?: CallOptions): Promise<OpenObject | null>;
}

/** An object whose length is known. */
export type MeasuredObject = StoredObject & { readonly sizeBytes: number };

export interface OpenObject extends AsyncDisposable {
  readonly object: MeasuredObject;
  /** Bytes `start` to `endExclusive` of the object. */
  read(start: number, endExclusive: number): AsyncIterable<Uint8Array>;
}

/** Capability: uploads that were begun and never completed can be ended. */
export interface UploadSweeper {
  /**
   * Ends this program's own unfinished uploads that began more than `olderThanMs` ago (told by their metadata or key).
   * @returns how many were ended
   */
  sweepUploads(olderThanMs: number, options?: CallOptions): Promise<number>;
}

/** Capability: whether clients can read copies by plain addresses depends on more than this program. */
export interface PubliclyRead {
  /**
   * Reads one byte of a copy at the address that clients get, without credentials. Costs a few small calls.
   * @throws StorageError where the store cannot be asked for a copy
   */
  checkPublicRead(options?: PublicReadOptions): Promise<PublicRead>;
}

export interface PublicReadOptions extends CallOptions {
  /** Where there is no copy: store an object, read it and remove it again. Default false. */
  readonly trial?: boolean | undefined;
}

export type PublicRead =
  | { readonly state: 'readable' }
  /** Clients are sent to answers of this status. */
  | { readonly state: 'refused'; readonly status: number; readonly host: string }
  /** Nothing is known; `why` is for operators. */
  | { readonly state: 'untried'; readonly why: string };

export function isPubliclyRead(provider: StorageProvider): provider is StorageProvider & PubliclyRead {
  return 'checkPublicRead' in provider;
}

/** Capability: addresses for clients are signed by credentials that may end. */
export interface SigningLife {
  /** When the credentials that sign now expire; `null` where that is not known. */
  credentialsExpireAt(): Promise<Date | null>;
}

export function hasSigningLife(provider: StorageProvider): provider is StorageProvider & SigningLife {
  return 'credentialsExpireAt' in provider;
}

export function isLocallyServed(provider: StorageProvider): provider is StorageProvider & LocallyServed {
  return 'open' in provider;
}

export function isUploadSweeper(provider: StorageProvider): provider is StorageProvider & UploadSweeper {
  return 'sweepUploads' in provider;
}

export type StorageErrorCode =
  | 'store_unavailable' // cannot be reached, 5xx, SlowDown, time limit
  | 'store_forbidden' // 401, 403: never to be read as "absent"
  | 'store_missing' // the bucket or directory itself is not there
  | 'store_exists' // the precondition of a put did not hold (412, 409)
  | 'store_rejected' // the store refuses this request; not retryable where it always will: bad digest, too large, wrong region
  | 'store_key_refused' // the store takes no such key, whatever is stored under it
  | 'store_corrupt' // what came back cannot be right: size differs, error body with status 200
  | 'store_full'; // no room left

const LASTING: ReadonlySet<StorageErrorCode> = new Set([
  'store_exists',
  'store_rejected',
  'store_key_refused',
]);

/** Every failure of a StorageProvider. `retryable` tells whether the same call may succeed later. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly retryable: boolean;

  constructor(
    code: StorageErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? !LASTING.has(code);
  }
}
