import type { CallOptions, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { hasName } from './s3-error.ts';
import type { ObjectHead } from './stored-object.ts';

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

/** Names that stores give to their refusals of keys: those of S3, and MinIO's own. */
const NAMES = [
  'InvalidObjectName',
  'InvalidURI',
  'KeyTooLongError',
  'XMinioInvalidObjectName',
  'XMinioInvalidResourceName',
  'XMinioObjectExistsAsDirectory',
  'XMinioParentIsObject',
];

/** The digest of no URL: after {@link KeyLayout.hashedPrefix} a key that every store takes, at which no object is. */
const NO_DIGEST = '0'.repeat(64);

type Head = (key: string, options: CallOptions) => Promise<ObjectHead | null>;

/** Whether the error says by its name that the store refuses the key of the request. */
export function isKeyRefusal(error: unknown): boolean {
  return error instanceof StorageError && (hasName(error.cause, ...NAMES) || statusOf(error) === 414);
}

/**
 * What an error means that may be about the key. The answer to a HEAD has no body and so no name: there, the store is
 * asked for a key that cannot be at fault. Where it answers that, the key is what it refuses.
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
