import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { UsageError } from '../command-interface.ts';

/** The destination of an artifact's bytes. The caller calls either `keep` or `discard`, exactly once. */
export interface ArtifactSink {
  readonly stream: Writable;
  /** Whether to end `stream` after the artifact; false for standard output, which stays open. */
  readonly endWithArtifact: boolean;
  /** Keeps the artifact, after all bytes are written and verified. */
  keep(): Promise<void>;
  /** Removes what was written, if that is possible. */
  discard(): Promise<void>;
}

/** Writes the bytes straight to a stream, so `discard` cannot take them back. */
export function streamSink(stdout: Writable): ArtifactSink {
  return { stream: stdout, endWithArtifact: false, keep: async () => {}, discard: async () => {} };
}

/**
 * Writes to a temporary file next to `path`, which `keep` renames, so that `path` is never incomplete. Writes directly
 * to a path that is not a regular file, such as `/dev/null` or a pipe.
 * @throws UsageError if the path cannot be written
 */
export async function fileSink(path: string): Promise<ArtifactSink> {
  try {
    const existing = await stat(path).catch(absent);
    if (existing?.isDirectory()) throw new UsageError(`${path} is a directory; give a file as -o FILE`);
    if (existing !== null && !existing.isFile()) return specialFileSink(path);
    return await replacingSink(existing === null ? path : await realpath(path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    throw new UsageError(`cannot write to ${path}: ${cause}; give another file as -o FILE`, { cause: error });
  }
}

async function replacingSink(path: string): Promise<ArtifactSink> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  const handle = await open(temporary, 'wx', 0o666);
  const stream = handle.createWriteStream();
  return {
    stream,
    endWithArtifact: true,
    keep: () => rename(temporary, path),
    discard: async () => {
      stream.destroy();
      await rm(temporary, { force: true });
    },
  };
}

function specialFileSink(path: string): ArtifactSink {
  const stream = createWriteStream(path);
  return {
    stream,
    endWithArtifact: true,
    keep: async () => {},
    discard: async () => {
      stream.destroy();
    },
  };
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
