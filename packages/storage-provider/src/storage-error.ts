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
