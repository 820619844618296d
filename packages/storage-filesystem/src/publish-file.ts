import type { FileHandle } from 'node:fs/promises';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from '@cloud-mirror/storage-provider';
import { isAbsent, systemCode, toStorageError } from './filesystem-error.ts';

export interface Publication {
  readonly staged: string;
  readonly target: string;
  /** Refuse where there is a file already, also one that another process puts there at the same time. */
  readonly onlyNew: boolean;
}

/**
 * Makes a staged file visible in one step that survives a power failure.
 * @returns bytes of the file that was replaced; 0 where there was none
 * @throws StorageError `store_exists` where `onlyNew` does not hold
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
      throw new StorageError('store_exists', 'there is an object already', { cause: error });
    // Some file systems have no links: then only processes beside this one may slip in between.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if ((await sizeOf(target)) > 0) throw new StorageError('store_exists', 'there is an object already');
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
    // Systems that open no directories keep names safe by themselves.
    return;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
