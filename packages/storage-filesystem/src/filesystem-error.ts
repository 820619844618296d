import { StorageError } from '@cloud-mirror/storage-provider';

/** Code of a failed system call (`ENOENT`); `null` for other errors. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** No room, for whatever reason the system names: the disk, the quota of the user, the limit of the process. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '');
}

export function isAbsent(error: unknown): boolean {
  return systemCode(error) === 'ENOENT';
}

/** The {@link StorageError} for a failed system call; other errors are none of the store's and stay what they are. */
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
