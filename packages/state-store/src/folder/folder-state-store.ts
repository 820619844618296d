import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallOptions, StateDocument, StateStore } from '../state-store.ts';
import { requireDocumentName, requireSize, StateError } from '../state-store.ts';
import { createFile, makeFolder, STAGED } from './durable-files.ts';

/** Old versions of a document that are kept, for operators who want one back. */
const KEPT_VERSIONS = 16;
/** A younger version is kept: a write that read it may still be under way, see `write`. */
const SETTLED_MS = 60_000;
/** A staged file of this age belongs to a process that was killed. */
const ABANDONED_MS = 3_600_000;
/** A change is in force on all instances of one machine within a second. Looking costs one directory listing. */
const POLL_MS = 500;

const VERSION_FILE = /^(\d{12})\.json$/;

/** One version of a document, and the properties of its file that change when somebody replaces it. */
interface Version {
  readonly number: number;
  readonly file: string;
  readonly stamp: string;
}

/**
 * Documents in a folder of a file system, for one machine or for several that share the file system.
 *
 * Each version of a document is a file of its own: `<folder>/<name>/<number>.json`. A write creates the file after the
 * newest one, which only one of several processes can do. So there is no lock file that a killed process could leave
 * behind.
 */
export class FolderStateStore implements StateStore {
  readonly pollMs = POLL_MS;
  readonly #folder: string;
  /** What this process has read last, by the name of the document, so that asking again does not read the file. */
  readonly #seen = new Map<string, { readonly stamp: string; readonly revision: string }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async check(): Promise<void> {
    const trial = join(this.#folder, `.trial-${randomUUID()}`);
    await this.#attempt('the trial of the folder', async () => {
      await makeFolder(this.#folder);
      try {
        await createFile(trial, '');
      } catch (error) {
        if (!HAS_NO_LINKS.has(codeOf(error))) throw error;
        throw new StateError(
          'state_unsupported',
          `the file system of ${this.#folder} has no hard links, so two processes could overwrite each other's changes: choose another state.directory, or state.kind s3`,
          { cause: error },
        );
      }
      await rm(trial, { force: true });
    });
  }

  async read(
    name: string,
    { known }: CallOptions & { readonly known?: string | undefined } = {},
  ): Promise<StateDocument | 'unchanged' | null> {
    requireDocumentName(name);
    return this.#attempt(`reading the document ${name}`, async () => {
      const newest = await this.#newest(name);
      if (newest === null) return null;
      const seen = this.#seen.get(name);
      if (known !== undefined && seen?.revision === known && seen.stamp === newest.stamp) return 'unchanged';
      const document = await this.#load(name, newest);
      return document.revision === known ? 'unchanged' : document;
    });
  }

  async write(
    name: string,
    text: string,
    { expected }: CallOptions & { readonly expected: string | null },
  ): Promise<string> {
    requireDocumentName(name);
    requireSize(name, Buffer.byteLength(text));
    return this.#attempt(`writing the document ${name}`, async () => {
      const folder = join(this.#folder, name);
      const newest = await this.#newest(name);
      const current = newest === null ? null : await this.#load(name, newest);
      if ((current?.revision ?? null) !== expected) throw conflict(name);
      await makeFolder(folder);
      const number = (newest?.number ?? 0) + 1;
      try {
        await createFile(this.#fileOf(name, number), text);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') throw conflict(name, error);
        throw error;
      }
      // The predecessor is missing only if this process was suspended for longer than SETTLED_MS: either before it created
      // the file, whose number another process had used and removed by then, or after it. Nobody can tell which.
      if (newest !== null && (await stampOf(newest.file)) === null) {
        await rm(this.#fileOf(name, number), { force: true });
        throw new StateError('state_unavailable', `writing the document ${name} took too long`);
      }
      await this.#prune(name, number);
      return revisionOf(number, text);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open.
  }

  async #newest(name: string): Promise<Version | null> {
    const numbers = await this.#numbers(name);
    const number = numbers.at(-1);
    if (number === undefined) return null;
    const file = this.#fileOf(name, number);
    const stamp = await stampOf(file);
    // Only a version with successors is ever removed.
    return stamp === null ? this.#newest(name) : { number, file, stamp };
  }

  /** Ascending. */
  async #numbers(name: string): Promise<number[]> {
    let files: string[];
    try {
      files = await readdir(join(this.#folder, name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      // A document may be missing, but not the folder of all documents: it was removed, or its volume is not mounted.
      await stat(this.#folder);
      return [];
    }
    return files
      .flatMap((file) => Number(VERSION_FILE.exec(file)?.[1] ?? Number.NaN))
      .filter((number) => !Number.isNaN(number))
      .sort((one, other) => one - other);
  }

  async #load(name: string, { number, file, stamp }: Version): Promise<StateDocument> {
    requireSize(name, (await stat(file)).size);
    const text = await readFile(file, 'utf8');
    const revision = revisionOf(number, text);
    this.#seen.set(name, { stamp, revision });
    return { text, revision };
  }

  /** Removes old versions, the oldest first. Keeps the first one, so that no second document can begin beside this one. */
  async #prune(name: string, newest: number): Promise<void> {
    const folder = join(this.#folder, name);
    for (const number of await this.#numbers(name))
      if (number > 1 && number <= newest - KEPT_VERSIONS)
        await removeOlderThan(SETTLED_MS, this.#fileOf(name, number));
    for (const file of await readdir(folder))
      if (file.startsWith(STAGED)) await removeOlderThan(ABANDONED_MS, join(folder, file));
  }

  #fileOf(name: string, number: number): string {
    return join(this.#folder, name, `${String(number).padStart(12, '0')}.json`);
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StateError || !(error instanceof Error) || codeOf(error) === '') throw error;
      throw new StateError('state_unavailable', `${what} in ${this.#folder} failed: ${error.message}`, {
        cause: error,
      });
    }
  }
}

async function removeOlderThan(ageMs: number, file: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found !== null && Date.now() - found.mtimeMs > ageMs) await rm(file, { force: true });
}

/** Error codes of link(2) on file systems without hard links. */
const HAS_NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

function conflict(name: string, cause?: unknown): StateError {
  return new StateError('state_conflict', `somebody else has changed the document ${name}`, { cause });
}

function revisionOf(number: number, text: string): string {
  return `${number}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Changes when the file is replaced or written again; null if there is none. */
async function stampOf(file: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${file} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The error code of the operating system; empty for other errors. */
function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : '';
}
