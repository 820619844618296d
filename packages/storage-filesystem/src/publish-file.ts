import type { FileHandle } from 'node:fs/promises';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from '@cloud-mirror/storage-provider';
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
export async function publish({ staged, target, onlyNew }: Publication): Promise<number> {
  try {
    const directory = dirname(target);
    const made = await mkdir(directory, { recursive: true });
    const replaced = onlyNew ? 0 : await sizeOf(target);
    if (onlyNew) await linkNew(staged, target);
    else await rename(staged, target);
    await syncDirectory(directory);
    if (made !== undefined) await syncDirectory(dirname(directory));
    return replaced;
  } catch (error) {
    throw toStorageError(error, 'making an object visible');
  }
}

async function linkNew(staged: string, target: string): Promise<void> {
  try {
    await link(staged, target);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST')
      throw new StorageError('store_exists', 'the object already exists', { cause: error });
    // Some file systems have no hard links. The check and the rename below are not atomic, so another process may win
    // the race; the key lock excludes only writes of this process.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if ((await sizeOf(target)) > 0) throw new StorageError('store_exists', 'the object already exists');
    await rename(staged, target);
    return;
  }
  await rm(staged, { force: true });
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isAbsent(error)) return 0;
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(directory, 'r');
  } catch {
    // Systems that cannot open directories make renames durable themselves.
    return;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
