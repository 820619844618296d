import { StorageError } from '../storage-provider.ts';

/** What an error of the SDK carries besides its message, all of it optional on the wire. */
interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: {
    readonly statusCode?: number;
    readonly headers?: Readonly<Record<string, string | undefined>>;
  };
}

/** Errors of the store's own that name a request it will take later. */
const PASSING = new Set([
  'InternalError',
  'OperationAborted',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
]);
const DAMAGED = new Set([
  'BadDigest',
  'ChecksumMismatch',
  'IncompleteBody',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);
/** The upload is not what it was thought to be: this request will not succeed, but another upload will. */
const UPLOAD = new Set(['InvalidPart', 'NoSuchUpload']);
const FULL = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'InsufficientCapacity']);
const REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

/** The {@link StorageError} for what the SDK threw. `what` names the call: `PUT of an object`. */
export function toStorageError(thrown: unknown, what: string, bucket: string): StorageError {
  if (thrown instanceof StorageError) return thrown;
  const error = (thrown ?? {}) as SdkError;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  const name = error.name ?? error.code ?? 'Error';
  const text = `${what} in bucket ${bucket}: ${status === undefined ? '' : `${status} `}${name}${
    error.message && error.message !== name ? `, ${error.message}` : ''
  }`;
  const made = (code: StorageError['code'], retryable?: boolean, message = text): StorageError =>
    new StorageError(
      code,
      message,
      retryable === undefined ? { cause: thrown } : { cause: thrown, retryable },
    );

  if (name === 'NoSuchBucket') return made('store_missing');
  if (name === 'CredentialsProviderError') return made('store_forbidden');
  if (status === 507 || FULL.has(name)) return made('store_full');
  if (status === 412 || name === 'PreconditionFailed') return made('store_exists');
  // What came may have been damaged on its way; whether the bytes themselves are wrong shows when it happens again.
  if (DAMAGED.has(name)) return made('store_rejected', true);
  if (UPLOAD.has(name)) return made('store_corrupt');
  if (PASSING.has(name)) return made('store_unavailable');
  const region = foreignRegion(error, status, name);
  if (region !== null) return made('store_rejected', false, `${text}. ${region}`);
  if (status === undefined || status < 100) return made('store_unavailable');
  if (status === 401 || status === 403) return made('store_forbidden');
  if (status === 408 || status === 409 || status === 425 || status === 429) return made('store_unavailable');
  // 501: the store does not know this request, and will not later.
  if (status === 501) return made('store_rejected');
  if (status >= 500) return made('store_unavailable');
  // A status of success with an error: the answer could not be read.
  if (status < 300) return made('store_corrupt');
  return made('store_rejected');
}

/** Whether the store says that there is no such object or upload. HEAD answers have no body, so there is no name. */
export function isAbsent(thrown: unknown): boolean {
  const error = (thrown ?? {}) as SdkError;
  if (error.name === 'NoSuchBucket') return false;
  return error.$metadata?.httpStatusCode === 404 || error.name === 'NoSuchKey' || error.name === 'NotFound';
}

/** Whether the store does not know a header of the request (RFC 9110 names 501 for it). */
export function isNotImplemented(thrown: unknown): boolean {
  const error = (thrown ?? {}) as SdkError;
  return error.$metadata?.httpStatusCode === 501 || error.name === 'NotImplemented';
}

/** Whether another conditional write of the same key was under way. */
export function isConflict(thrown: unknown): boolean {
  return ((thrown ?? {}) as SdkError).name === 'ConditionalRequestConflict';
}

/** Whether the upload has lost parts, or is not there any more. */
export function isUploadLost(thrown: unknown): boolean {
  return UPLOAD.has(((thrown ?? {}) as SdkError).name ?? '');
}

export function hasName(thrown: unknown, ...names: readonly string[]): boolean {
  return names.includes(((thrown ?? {}) as SdkError).name ?? '');
}

/** The remedy where the bucket is in another region than the one configured; `null` where it is not that. */
function foreignRegion(error: SdkError, status: number | undefined, name: string): string | null {
  const region = error.Region ?? error.$response?.headers?.['x-amz-bucket-region'];
  const redirected = status === 301 || status === 302 || status === 307 || status === 308;
  // A HEAD signed for another region is answered 400 without a body.
  const misdirected = status === 400 && region !== undefined && error.$response !== undefined;
  if (!redirected && !REGION.has(name) && !(misdirected && (name === 'BadRequest' || name === '400')))
    return null;
  return region === undefined
    ? 'The bucket is in another region: set its `region` (and `endpoint`) to where it is.'
    : `The bucket is in region ${region}: set \`region: ${region}\` (and the \`endpoint\` of that region).`;
}
