import { hash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from '../command-interface.ts';

/** What identifies the upload of a file: it is resumed only if nothing of this has changed. */
export interface UploadIdentity {
  readonly url: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly partBytes: number;
}

/** Remembers begun uploads in the user's cache folder, so that the same command resumes one that was interrupted. */
export class UploadRecord {
  readonly #file: string;
  readonly #folder: string;

  constructor(identity: UploadIdentity, { env }: CommandContext) {
    const cache = env['XDG_CACHE_HOME'];
    const base = cache === undefined || cache === '' ? join(env['HOME'] ?? homedir(), '.cache') : cache;
    this.#folder = join(base, 'cloud-mirror', 'uploads');
    this.#file = join(this.#folder, hash('sha256', JSON.stringify(identity)));
  }

  /** @returns the UploadId; null if there is none */
  async load(): Promise<string | null> {
    try {
      return (await readFile(this.#file, 'utf8')).trim() || null;
    } catch {
      return null;
    }
  }

  /** @returns false if it cannot be written; the upload goes on, but cannot be resumed */
  async save(uploadId: string): Promise<boolean> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(this.#file, `${uploadId}\n`, { mode: 0o600 });
      return true;
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
