import type { CallOptions, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { errorNameOf, statusOf } from './feature-refusal.ts';
import type { ObjectHead } from './object-head.ts';
import { hasName } from './s3-error.ts';

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
