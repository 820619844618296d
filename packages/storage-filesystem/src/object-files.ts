import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { isAbsent } from './filesystem-error.ts';
import type { ObjectPaths } from './object-paths.ts';
import { nameOfKey, SUFFIX } from './object-paths.ts';

/** A file below `hashed/` or `named/`. It need not be one of ours: a user may have put it there. */
export interface FoundFile {
  readonly kind: 'named' | 'hashed';
  /** The last segment of the object's address, if the file is one of ours. */
  readonly name: string;
  readonly file: string;
}

/** Maximum number of files of `named/` in one batch. */
const BATCH = 256;

/** All files of objects, in batches. */
export async function* objectFiles(
  disk: Disk,
  { named, hashed }: Pick<ObjectPaths, 'named' | 'hashed'>,
): AsyncGenerator<readonly FoundFile[], void, undefined> {
  let batch: FoundFile[] = [];
  for await (const { key, file } of namedFiles(disk, named, '')) {
    batch.push({ kind: 'named', name: nameOfKey(key), file });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
  yield* hashedFiles(disk, hashed);
}

/** All object files below `hashed/`, one batch for each directory. */
export async function* hashedFiles(
  disk: Disk,
  directory: string,
): AsyncGenerator<readonly FoundFile[], void, undefined> {
  for (const shard of (await namesIn(disk, directory)).sort()) {
    const names = await namesIn(disk, join(directory, shard));
    yield names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => ({
        kind: 'hashed' as const,
        name: name.slice(0, -SUFFIX.length),
        file: join(directory, shard, name),
      }));
  }
}

/** Keys and files below `named/` whose keys begin with `prefix`. Skips directories that cannot contain such a key. */
export async function* namedFiles(
  disk: Disk,
  directory: string,
  prefix: string,
  above = '',
): AsyncGenerator<{ readonly key: string; readonly file: string }, void, undefined> {
  for await (const entry of entriesOf(disk, directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      const below = `${above}${entry.name}/`;
      if (below.startsWith(prefix) || prefix.startsWith(below)) yield* namedFiles(disk, path, prefix, below);
    } else if (entry.name.endsWith(SUFFIX)) {
      const key = above + entry.name.slice(0, -SUFFIX.length);
      if (key.startsWith(prefix)) yield { key, file: path };
    }
  }
}

/** The names in a directory; empty if the directory does not exist. */
export async function namesIn(disk: Disk, directory: string): Promise<string[]> {
  try {
    return await disk.readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function* entriesOf(disk: Disk, directory: string): AsyncGenerator<Dirent, void, undefined> {
  try {
    yield* disk.entriesOf(directory);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
