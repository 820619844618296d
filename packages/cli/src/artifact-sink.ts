import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { UsageError } from './command-error.ts';

/** Where the bytes of an artifact go. Exactly one of `keep` and `discard` ends it. */
export interface ArtifactSink {
  readonly stream: Writable;
  /** Whether `stream` is ended with the artifact: standard output is not ours to end. */
  readonly endWithArtifact: boolean;
  /** Once everything was written and found right. */
  keep(): Promise<void>;
  /** Leaves nothing behind, where what was written can be taken back. */
  discard(): Promise<void>;
}

/** Bytes that are passed on as they come: `discard` comes too late for them. */
export function streamSink(stdout: Writable): ArtifactSink {
  return { stream: stdout, endWithArtifact: false, keep: async () => {}, discard: async () => {} };
}

/**
 * A file that appears, or is replaced, only when it is kept: until then the bytes are in a temporary file beside it.
 * What is no regular file (`/dev/null`, a pipe) is written to as it is.
 * @throws UsageError where nothing can be written there
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
