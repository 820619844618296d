import { StorageError } from '@cloud-mirror/storage-provider';

/** Code of a failed system call (`ENOENT`); `null` for other errors. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Whether there is no room: the disk is full, or the user's quota or the process's file size limit is reached. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '');
}

export function isAbsent(error: unknown): boolean {
  return systemCode(error) === 'ENOENT';
}

/**
 * Turns a failed system call into a {@link StorageError}. Other errors do not come from the store and are returned
 * unchanged.
 *
 * @param what names the operation in the message: `opening an object`
 */
export function toStorageError(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (error instanceof StorageError || code === null || !/^E[A-Z0-9]+$/.test(code)) return error;
  const message = `${what}: ${(error as Error).message}`;
  if (isFull(error)) return new StorageError('store_full', message, { cause: error });
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StorageError('store_forbidden', message, { cause: error });
    case 'ENOENT':
    case 'ENOTDIR':
      return new StorageError('store_missing', message, { cause: error });
    case 'ENAMETOOLONG':
      return new StorageError('store_rejected', message, { cause: error });
    default:
      return new StorageError('store_unavailable', message, { cause: error });
  }
}
