import { StorageError } from '@cloud-mirror/storage-provider';

/** What the wire says of a failure. */
interface WireError {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Names by which stores refuse a header that they do not know, or know only in part. */
const ABOUT_A_HEADER = new Set([
  'InvalidArgument',
  'InvalidHeader',
  'InvalidRequest',
  'NotImplemented',
  'NotSupported',
  'UnsupportedHeader',
  'UnsupportedOperation',
]);
/** As above, for a whole operation. Swift says MalformedXML to every lifecycle configuration. */
const ABOUT_AN_OPERATION = new Set([
  ...ABOUT_A_HEADER,
  'MalformedXML',
  'MethodNotAllowed',
  'OperationNotSupported',
]);
const ABOUT_METADATA = new Set([...ABOUT_A_HEADER, 'MetadataTooLarge', 'InternalError']);

/** Status of the answer that a StorageError is about; `undefined` where there was none. */
export function statusOf(error: unknown): number | undefined {
  return wireError(error)?.$metadata?.httpStatusCode;
}

/** Name of the store's error; `undefined` where there is none, as in answers to HEAD. */
export function errorNameOf(error: unknown): string | undefined {
  const name = wireError(error)?.name;
  // What the SDK says where the answer has no body.
  return name === undefined || /^(?:Unknown|UnknownError|BadRequest|\d{3})$/.test(name) ? undefined : name;
}

/** Whether the store may refuse a header of the request: 501, or a 400 whose name does not say what else. */
export function mayRefuseHeader(error: unknown): boolean {
  return statusOf(error) === 501 || (statusOf(error) === 400 && isNamed(error, ABOUT_A_HEADER));
}

/** Whether the store does not know an operation. */
export function mayRefuseOperation(error: unknown): boolean {
  const status = statusOf(error);
  return status === 501 || status === 405 || (status === 400 && isNamed(error, ABOUT_AN_OPERATION));
}

/**
 * Whether the store may object to long metadata. Swift answers 500 to a value of 257 bytes, so a failure of the server
 * counts, too; what is lost by a wrong guess is nothing but the form of the metadata.
 */
export function mayRefuseMetadata(error: unknown): boolean {
  const status = statusOf(error);
  if (status === 501 || status === 413 || status === 431 || status === 500) return true;
  return status === 400 && isNamed(error, ABOUT_METADATA);
}

function isNamed(error: unknown, names: ReadonlySet<string>): boolean {
  return names.has(wireError(error)?.name ?? '');
}

function wireError(error: unknown): WireError | undefined {
  return error instanceof StorageError ? (error.cause as WireError | undefined) : undefined;
}
