/*
 * What the error codes of S3 and of stores that speak its protocol mean for a request that is sent again. A code that is
 * in none of these lists says nothing lasting: the request is repeated by the queue's count of deliveries.
 *
 * S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * KMS, whose errors S3 passes on with status 400 and the prefix `KMS.`:
 * https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
 * MinIO (`XMinio…`): https://github.com/minio/minio/blob/master/cmd/api-errors.go
 */

/**
 * The request itself is at fault, by its key, size, headers or method, or the configuration is. The same request is
 * refused every time.
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

/** The store takes the request later: within seconds as a rule. */
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

/** Of KMS, without the prefix: `ThrottlingException`, `KMSInternalException`, `DependencyTimeoutException` … */
const PASSING_OF_KMS = /^KMS\.(?:.*(?:Throttl|Internal|Timeout|Unavailable)|LimitExceeded)/;

export function isPassing(code: string): boolean {
  return PASSING.has(code) || PASSING_OF_KMS.test(code);
}

/** The bytes were damaged on their way, or are wrong; whether they are wrong shows when it happens again. */
export const DAMAGED: ReadonlySet<string> = new Set([
  'BadDigest',
  'ChecksumMismatch',
  'IncompleteBody',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** The upload is not what it was thought to be: this request will not succeed, but another upload will. */
export const UPLOAD_LOST: ReadonlySet<string> = new Set(['InvalidPart', 'NoSuchUpload']);

export const FULL: ReadonlySet<string> = new Set([
  'InsufficientCapacity',
  'InsufficientStorage',
  'QuotaExceeded',
  'XMinioStorageFull',
]);
