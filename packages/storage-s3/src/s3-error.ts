import { isProgramDefect, namesRefusedCredentials } from '@cloud-mirror/aws';
import { StorageError } from '@cloud-mirror/storage-provider';

/** Properties of an SDK error. All are optional, because an answer need not contain them. */
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

/** The bucket of a call, as configured. */
export interface BucketPlace {
  readonly bucket: string;
  readonly region: string;
}

/**
 * Turns an error of the SDK into a {@link StorageError}. It is retryable unless the same request is refused every time:
 * see {@link LASTING}.
 *
 * @param what names the call: `PUT of an object`
 * @throws `thrown` itself if it is a defect of a program and not a failure of the store
 */
export function toStorageError(thrown: unknown, what: string, place: BucketPlace): StorageError {
  if (thrown instanceof StorageError) return thrown;
  if (isProgramDefect(thrown)) throw thrown;
  const error = asSdkError(thrown);
  const status = statusOf(error);
  const name = error.name ?? error.code ?? 'Error';
  const text = `${what} in bucket ${place.bucket}: ${status === undefined ? '' : `${status} `}${name}${
    error.message && error.message !== name ? `, ${error.message}` : ''
  }`;
  const made = (code: StorageError['code'], retryable?: boolean, message = text): StorageError =>
    new StorageError(
      code,
      message,
      retryable === undefined ? { cause: thrown } : { cause: thrown, retryable },
    );

  const region = foreignRegion(error, place.region);
  if (region !== null) return made('store_rejected', false, `${text}. ${region}`);
  if (name === 'NoSuchBucket') return made('store_missing');
  if (name === 'CredentialsProviderError' || namesRefusedCredentials(name))
    return name === 'RequestExpired' ? made('store_unavailable') : made('store_forbidden');
  if (status === 507 || FULL.has(name)) return made('store_full');
  if (status === 412 || name === 'PreconditionFailed') return made('store_exists');
  if (DAMAGED.has(name)) return made('store_rejected', true);
  if (UPLOAD_LOST.has(name)) return made('store_corrupt');
  if (isPassing(name)) return made('store_unavailable');
  if (LASTING.has(name)) return made('store_rejected', false);
  return byStatus(status, made);
}

function byStatus(
  status: number | undefined,
  made: (code: StorageError['code'], retryable?: boolean) => StorageError,
): StorageError {
  if (status === undefined || status < 100) return made('store_unavailable');
  // An error with a success status: the answer could not be parsed.
  if (status < 300) return made('store_corrupt');
  switch (status) {
    case 401:
    case 403:
      return made('store_forbidden');
    case 302:
    case 303:
    case 307:
    case 408:
    case 409:
    case 425:
    case 429:
      return made('store_unavailable');
    // The store does not support this request, which is a lasting error (RFC 9110, section 15.6.2).
    case 501:
      return made('store_rejected', false);
    default:
      return status >= 500 ? made('store_unavailable') : made('store_rejected', true);
  }
}

/**
 * Whether an answer refuses the credentials, or may do so. An answer to HEAD has no body and so no error code: S3 answers
 * 400 for an expired token and 403 for an unknown access key, but 403 also for a missing permission.
 *
 * @returns `null` if the answer is about something else
 */
export function credentialsRefused(
  thrown: unknown,
  { region }: Pick<BucketPlace, 'region'>,
): 'refused' | 'unclear' | null {
  const error = asSdkError(thrown);
  if (namesRefusedCredentials(error.name ?? '')) return 'refused';
  if (!isNameless(error) || foreignRegion(error, region) !== null) return null;
  const status = statusOf(error);
  if (status === 400) return 'refused';
  return status === 401 || status === 403 ? 'unclear' : null;
}

/** Whether the bytes of a request were damaged in transit, so that an immediate retry may succeed. */
export function isDamaged(thrown: unknown): boolean {
  return DAMAGED.has(asSdkError(thrown).name ?? '');
}

/** Whether the object or upload does not exist. An answer to HEAD has no body, so a 404 without a code counts too. */
export function isAbsent(thrown: unknown): boolean {
  const error = asSdkError(thrown);
  if (error.name === 'NoSuchBucket') return false;
  return error.$metadata?.httpStatusCode === 404 || error.name === 'NoSuchKey' || error.name === 'NotFound';
}

/** Whether the store does not support a header of the request (501 according to RFC 9110). */
export function isNotImplemented(thrown: unknown): boolean {
  const error = asSdkError(thrown);
  return error.$metadata?.httpStatusCode === 501 || error.name === 'NotImplemented';
}

/** Whether the request conflicted with a concurrent conditional write of the same key. */
export function isConflict(thrown: unknown): boolean {
  return asSdkError(thrown).name === 'ConditionalRequestConflict';
}

/** Whether the upload has lost parts or no longer exists. */
export function isUploadLost(thrown: unknown): boolean {
  return UPLOAD_LOST.has(asSdkError(thrown).name ?? '');
}

export function hasName(thrown: unknown, ...names: readonly string[]): boolean {
  return names.includes(asSdkError(thrown).name ?? '');
}

function asSdkError(thrown: unknown): SdkError {
  return thrown ?? {};
}

function statusOf(error: SdkError): number | undefined {
  return error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
}

/** Whether the answer had no error code. The SDK then uses one of these names. */
function isNameless({ name }: SdkError): boolean {
  return name === undefined || /^(?:Unknown|UnknownError|Error|BadRequest|Forbidden|\d{3})$/.test(name);
}

/**
 * The remedy if the bucket is in another region than the configured one; `null` if the answer does not say so.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html: 301 is permanent. 307 is temporary, until DNS
 * knows the name of a new bucket everywhere.
 */
function foreignRegion(error: SdkError, configured: string): string | null {
  const status = statusOf(error);
  const { name = '', message = '' } = error;
  const namedRegion = error.Region ?? error.$response?.headers?.['x-amz-bucket-region'];
  const other = namedRegion !== undefined && namedRegion !== configured;
  const redirected = status === 301 || status === 308 || name === 'PermanentRedirect';
  const misdirected =
    name === 'IllegalLocationConstraintException' ||
    (name === 'AuthorizationHeaderMalformed' && (other || /region/i.test(message))) ||
    // The answer to a HEAD that is signed for another region is 400 without a body.
    (status === 400 && other && isNameless(error));
  if (!redirected && !misdirected) return null;
  return namedRegion === undefined
    ? 'The bucket is in another region: set its `region` (and `endpoint`) to where it is.'
    : `The bucket is in region ${namedRegion}: set \`region: ${namedRegion}\` (and the \`endpoint\` of that region).`;
}

/*
 * Whether a retry may succeed after an error code of S3, or of a store that speaks its protocol. An error with a code in
 * none of these lists is retryable: the queue redelivers the job up to its maximum number of deliveries.
 *
 * S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * KMS. S3 forwards its errors with status 400 and the prefix `KMS.`:
 * https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
 * MinIO (`XMinio…`): https://github.com/minio/minio/blob/master/cmd/api-errors.go
 */

/**
 * The request itself is wrong (its key, size, headers or method), or the configuration is. The same request fails every
 * time.
 */
export const LASTING: ReadonlySet<string> = new Set([
  'EntityTooLarge',
  'EntityTooSmall',
  'IllegalLocationConstraintException',
  'InvalidBucketName',
  'InvalidLocationConstraint',
  'InvalidObjectName',
  'InvalidStorageClass',
  'InvalidURI',
  'KeyTooLongError',
  'MaxMessageLengthExceeded',
  'MetadataTooLarge',
  'MethodNotAllowed',
  'MissingContentLength',
  'NotImplemented',
  'PermanentRedirect',
  'RequestHeaderSectionTooLarge',
  'XMinioInvalidObjectName',
  'XMinioInvalidResourceName',
  'XMinioObjectExistsAsDirectory',
]);

/** Transient: the same request may succeed later, usually within seconds. */
const PASSING: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'ClientTokenConflict',
  'InternalError',
  'OperationAborted',
  'Redirect',
  'RequestExpired',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'TemporaryRedirect',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
  'XMinioServerNotInitialized',
]);

/** Transient errors of KMS: `KMS.ThrottlingException`, `KMS.KMSInternalException`, `KMS.DependencyTimeoutException` … */
const PASSING_OF_KMS = /^KMS\.(?:.*(?:Throttl|Internal|Timeout|Unavailable)|LimitExceeded)/;

export function isPassing(code: string): boolean {
  return PASSING.has(code) || PASSING_OF_KMS.test(code);
}

/** The bytes were damaged in transit, or the checksum is wrong. Only a repeated failure shows the latter. */
export const DAMAGED: ReadonlySet<string> = new Set([
  'BadDigest',
  'ChecksumMismatch',
  'IncompleteBody',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** The upload or one of its parts no longer exists. This request cannot succeed, but a new upload can. */
export const UPLOAD_LOST: ReadonlySet<string> = new Set(['InvalidPart', 'NoSuchUpload']);

export const FULL: ReadonlySet<string> = new Set([
  'InsufficientCapacity',
  'InsufficientStorage',
  'QuotaExceeded',
  'XMinioStorageFull',
]);
