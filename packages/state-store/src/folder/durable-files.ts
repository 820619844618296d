import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Only the user of the process may read the files: they may contain secrets of a deployment. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** The beginning of the names of files that are being written. */
export const STAGED = '.staged-';

/** Creates a folder and those above it. They survive a power failure. */
export async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (made !== undefined) await syncFolder(dirname(made));
}

/** Replaces a file atomically and durably. */
export async function replaceFile(file: string, text: string): Promise<void> {
  await stage(file, text, (staged) => rename(staged, file));
}

/**
 * Creates a file atomically and durably.
 * @throws the error `EEXIST` if the file exists, even if another process creates it at the same time
 */
export async function createFile(file: string, text: string): Promise<void> {
  // rename(2) would replace an existing file; link(2) fails, on network file systems too.
  await stage(file, text, (staged) => link(staged, file));
}

async function stage(file: string, text: string, publish: (staged: string) => Promise<void>): Promise<void> {
  const folder = dirname(file);
  const staged = join(folder, STAGED + randomUUID());
  try {
    await using handle = await open(staged, 'wx', FILE_MODE);
    await handle.writeFile(text);
    await handle.sync();
    await publish(staged);
    await syncFolder(folder);
  } finally {
    await rm(staged, { force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
