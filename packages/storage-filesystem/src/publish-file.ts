import { dirname } from 'node:path';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { Disk, DiskFile } from './disk.ts';
import { isAbsent, systemCode, toStorageError } from './filesystem-error.ts';

export interface Publication {
  readonly staged: string;
  readonly target: string;
  /** Fail if the target exists, even if another process creates it at the same time. */
  readonly onlyNew: boolean;
}

/**
 * Makes a staged file visible atomically and durably: it survives a power failure.
 * @returns the size in bytes of the replaced file; 0 if there was none
 * @throws StorageError `store_exists` if `onlyNew` is set and the target exists
 */
export async function publish(disk: Disk, { staged, target, onlyNew }: Publication): Promise<number> {
  try {
    const directory = dirname(target);
    const made = await disk.mkdir(directory);
    const replaced = onlyNew ? 0 : await sizeOf(disk, target);
    if (onlyNew) await linkNew(disk, staged, target);
    else await disk.rename(staged, target);
    await syncDirectory(disk, directory);
    if (made !== undefined) await syncDirectory(disk, dirname(directory));
    return replaced;
  } catch (error) {
    throw toStorageError(error, 'making an object visible');
  }
}

async function linkNew(disk: Disk, staged: string, target: string): Promise<void> {
  try {
    await disk.link(staged, target);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST')
      throw new StorageError('store_exists', 'the object already exists', { cause: error });
    // Some file systems have no hard links. The check and the rename below are not atomic, so another process may win
    // the race; the key lock excludes only writes of this process.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if ((await sizeOf(disk, target)) > 0) throw new StorageError('store_exists', 'the object already exists');
    await disk.rename(staged, target);
    return;
  }
  await disk.rm(staged, { force: true });
}

async function sizeOf(disk: Disk, file: string): Promise<number> {
  try {
    return (await disk.stat(file)).size;
  } catch (error) {
    if (isAbsent(error)) return 0;
    throw error;
  }
}

async function syncDirectory(disk: Disk, directory: string): Promise<void> {
  let handle: DiskFile;
  try {
    handle = await disk.open(directory, 'r');
  } catch (error) {
    if (error instanceof StorageError) throw error;
    // Systems that cannot open directories make renames durable themselves.
    return;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
