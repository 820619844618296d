export type StorageErrorCode =
  | 'store_unavailable' // unreachable, 5xx, SlowDown, time limit
  | 'store_forbidden' // 401, 403; never means that the object is absent
  | 'store_missing' // the bucket or directory does not exist
  | 'store_exists' // the precondition of a put does not hold (412, 409)
  | 'store_rejected' // the store refuses this request (too large, wrong region, bad digest); not retryable if it always will
  | 'store_key_refused' // the store does not accept this key, whatever the object
  | 'store_corrupt' // the answer cannot be right: the size differs, or status 200 with an error body
  | 'store_full' // no room left
  | 'store_expires'; // the store removes objects so soon that no client can use them

const LASTING: ReadonlySet<StorageErrorCode> = new Set([
  'store_exists',
  'store_rejected',
  'store_key_refused',
  'store_expires',
]);

/** A failure of a StorageProvider. `retryable` says whether the same call may succeed later. */
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
