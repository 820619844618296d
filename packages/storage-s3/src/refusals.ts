import type { CallOptions, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { hasName } from './s3-error.ts';
import type { ObjectHead } from './stored-object.ts';

/** The parts used here of an SDK error. */
interface WireError {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Error codes with which stores refuse a header that they do not support, or support only partially. */
const ABOUT_A_HEADER = new Set([
  'InvalidArgument',
  'InvalidHeader',
  'InvalidRequest',
  'NotImplemented',
  'NotSupported',
  'UnsupportedHeader',
  'UnsupportedOperation',
]);
/** Error codes for an unsupported operation. Swift answers MalformedXML to every lifecycle configuration. */
const ABOUT_AN_OPERATION = new Set([
  ...ABOUT_A_HEADER,
  'MalformedXML',
  'MethodNotAllowed',
  'OperationNotSupported',
]);
const ABOUT_METADATA = new Set([...ABOUT_A_HEADER, 'MetadataTooLarge', 'InternalError']);

/** The status of the answer that caused a StorageError; `undefined` if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return wireError(error)?.$metadata?.httpStatusCode;
}

/** The store's error code; `undefined` if there is none, as in answers to HEAD. */
export function errorNameOf(error: unknown): string | undefined {
  const name = wireError(error)?.name;
  // The SDK uses these names if the answer has no body.
  return name === undefined || /^(?:Unknown|UnknownError|BadRequest|\d{3})$/.test(name) ? undefined : name;
}

/** Whether the store may have refused a header: status 501, or 400 with a code that can be about a header. */
export function mayRefuseHeader(error: unknown): boolean {
  return statusOf(error) === 501 || (statusOf(error) === 400 && isNamed(error, ABOUT_A_HEADER));
}

/** Whether the store may not support the operation. */
export function mayRefuseOperation(error: unknown): boolean {
  const status = statusOf(error);
  return status === 501 || status === 405 || (status === 400 && isNamed(error, ABOUT_AN_OPERATION));
}

/**
 * Whether the store may have refused long metadata. Swift answers 500 to a value of 257 bytes, so a 500 counts too. A
 * wrong guess only changes the format of the metadata.
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

/** Error codes with which stores refuse keys: those of S3, and those of MinIO. */
const NAMES = [
  'InvalidObjectName',
  'InvalidURI',
  'KeyTooLongError',
  'XMinioInvalidObjectName',
  'XMinioInvalidResourceName',
  'XMinioObjectExistsAsDirectory',
  'XMinioParentIsObject',
];

/** Not the digest of a URL. With {@link KeyLayout.hashedPrefix} it forms a key that every store accepts and no copy has. */
const NO_DIGEST = '0'.repeat(64);

type Head = (key: string, options: CallOptions) => Promise<ObjectHead | null>;

/** Whether the error code says that the store refuses the key of the request. */
export function isKeyRefusal(error: unknown): boolean {
  return error instanceof StorageError && (hasName(error.cause, ...NAMES) || statusOf(error) === 414);
}

/**
 * Finds out whether an error is about the key. The answer to a HEAD has no body and so no error code. In that case a HEAD
 * of a key that every store accepts is sent. If it succeeds, the store refuses the original key.
 * @returns a StorageError `store_key_refused`, or `error` itself
 */
export async function explainKeyRefusal(
  error: unknown,
  key: string,
  { head, keyLayout }: { readonly head: Head; readonly keyLayout: KeyLayout },
  { signal }: CallOptions,
): Promise<unknown> {
  if (!(error instanceof StorageError)) return error;
  if (isKeyRefusal(error)) return keyRefused(error);
  if (statusOf(error) !== 400 || error.code !== 'store_rejected') return error;
  const asked = async (asking: string): Promise<unknown> => {
    try {
      return await head(asking, { signal });
    } catch (failure) {
      signal?.throwIfAborted();
      return failure;
    }
  };
  const about = await asked(key);
  if (!isNamelessRefusal(about) || (await asked(keyLayout.hashedPrefix + NO_DIGEST)) instanceof Error)
    return error;
  return keyRefused(error);
}

function isNamelessRefusal(error: unknown): boolean {
  return statusOf(error) === 400 && errorNameOf(error) === undefined;
}

function keyRefused(error: StorageError): StorageError {
  return new StorageError(
    'store_key_refused',
    `${error.message}. The store refuses this key: set \`keys: hashed\` for this region`,
    { cause: error.cause },
  );
}
