import { createHash } from 'node:crypto';
import { constants, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AuditWriteError, type AuditSink } from './audit-sink.ts';
import { newChain, type ChainEnd } from './audit-trail.ts';

/** `audit.file` names something that cannot be used. The message names the remedy. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError';
  readonly code = 'config_invalid';

  constructor(path: string, found: string, remedy: string) {
    super(`invalid configuration\n  audit.file: found ${path}, ${found}; expected ${remedy}`);
  }
}

export interface OpenedAuditFile {
  readonly file: AuditFile;
  readonly end: ChainEnd;
  /** The beginning of the line that a crash cut off, which was removed; null if there was none. */
  readonly torn: string | null;
}

/** Longer than any line of ours. */
const LONGEST_LINE_BYTES = 1024 * 1024;
/** How much of a line that was cut off is kept. */
const TORN_BYTES = 4096;
const { O_APPEND, O_CREAT, O_RDWR } = constants;

/**
 * A file of audit lines, written by one process. Every append is flushed to the disk, and a failed one leaves nothing.
 *
 * Another writer would fork the chain. So each append first compares the file's length with the length that this process
 * left, and fails if they differ. A file that was moved away (logrotate) is replaced by a new one.
 */
export class AuditFile implements AuditSink {
  readonly keepsFailedLines = false;
  readonly #path: string;
  #handle: FileHandle;
  #sizeBytes: number;

  private constructor(path: string, handle: FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Opens or creates the file, reads its last line, and removes a line that a crash cut off: its call had not begun or
   * was not answered.
   * @throws AuditFileError if it cannot be written, is no regular file, or does not end with an audit line
   */
  static async open(path: string): Promise<OpenedAuditFile> {
    const handle = await openFile(path);
    try {
      const { last, torn, sizeBytes } = await readEnd(path, handle);
      if (torn !== null) {
        await handle.truncate(sizeBytes);
        await handle.datasync();
      }
      const end = last === null ? newChain() : chainEnd(path, last);
      return { file: new AuditFile(path, handle, sizeBytes), end, torn };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async append(lines: string): Promise<void> {
    await this.#followRotation();
    await this.#requireSize();
    const bytes = Buffer.from(lines);
    try {
      await this.#handle.appendFile(bytes);
      await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(this.#sizeBytes);
      throw error;
    }
    this.#sizeBytes += bytes.length;
    await this.#requireSize();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #followRotation(): Promise<void> {
    const there = await stat(this.#path).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === 'ENOENT') return null;
      throw error;
    });
    const own = await this.#handle.stat();
    if (there !== null && there.ino === own.ino && there.dev === own.dev) return;
    const next = await openFile(this.#path);
    const { size } = await next.stat();
    if (size > 0) {
      await next.close();
      throw new AuditWriteError(`the file at ${this.#path} was replaced by one that is not empty`);
    }
    const moved = this.#handle;
    this.#handle = next;
    this.#sizeBytes = 0;
    await moved.close();
  }

  async #requireSize(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size === this.#sizeBytes) return;
    throw new AuditWriteError(
      `something else changed ${this.#path}: give each process a file of its own (audit.file), and start this one again`,
    );
  }
}

async function openFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, O_RDWR | O_APPEND | O_CREAT, 0o600);
  } catch (error) {
    const { code } = error as { code?: unknown };
    throw new AuditFileError(
      path,
      `which cannot be written (${String(code)})`,
      'a file that this program may write, in a folder that exists',
    );
  }
  if ((await handle.stat()).isFile()) {
    await flushFolder(dirname(path));
    return handle;
  }
  await handle.close();
  throw new AuditFileError(
    path,
    'which is no regular file',
    'the path of a regular file, or null for standard output',
  );
}

/** A new file survives a crash of the machine only if its folder was flushed. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  if (handle === null) return;
  try {
    await handle.sync();
  } catch {
    // Some file systems cannot flush a folder.
  } finally {
    await handle.close();
  }
}

interface FileEnd {
  /** Without its line feed. */
  readonly last: Buffer | null;
  readonly torn: string | null;
  /** Up to the end of the last whole line. */
  readonly sizeBytes: number;
}

async function readEnd(path: string, handle: FileHandle): Promise<FileEnd> {
  const { size } = await handle.stat();
  // Room for a whole line and for one that was cut off.
  const start = Math.max(0, size - 2 * LONGEST_LINE_BYTES);
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - start), position: start });
  const tail = buffer.subarray(0, bytesRead);
  const wholeEnd = tail.lastIndexOf('\n') + 1;
  if (wholeEnd === 0 && start > 0) throw noAuditFile(path);
  const torn = wholeEnd === tail.length ? null : tail.toString('utf8', wholeEnd, wholeEnd + TORN_BYTES);
  // A first line that was cut off is ours only if it begins like one.
  if (wholeEnd === 0 && torn !== null && !LINE_START.startsWith(torn.slice(0, LINE_START.length)))
    throw noAuditFile(path);
  const lineStart = wholeEnd < 2 ? 0 : tail.lastIndexOf('\n', wholeEnd - 2) + 1;
  const last = wholeEnd === 0 ? null : tail.subarray(lineStart, wholeEnd - 1);
  return { last, torn, sizeBytes: start + wholeEnd };
}

const LINE_START = '{"level":"info","time":"';

function chainEnd(path: string, line: Buffer): ChainEnd {
  const { chain, seq, prev } = parsed(line);
  if (typeof chain !== 'string' || typeof seq !== 'number' || typeof prev !== 'string')
    throw noAuditFile(path);
  return { chain, seq, digest: createHash('sha256').update(line).digest('hex') };
}

function parsed(line: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function noAuditFile(path: string): AuditFileError {
  return new AuditFileError(
    path,
    'whose last line is no audit line with chain, seq and prev',
    'a new file, or one that this program has written; move the other one away',
  );
}
