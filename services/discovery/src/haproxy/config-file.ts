import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A configuration file, which is replaced as a whole. */
export class ConfigFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Where a text is checked before it replaces the file. */
  get candidate(): string {
    return `${this.path}.new`;
  }

  /** @returns null if there is none */
  async read(): Promise<string | null> {
    return readFile(this.path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    });
  }

  async writeCandidate(text: string): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    // A template may hold a password of HAProxy's.
    await using file = await open(this.candidate, 'w', 0o640);
    await file.writeFile(text);
    await file.sync();
  }

  async acceptCandidate(): Promise<void> {
    await rename(this.candidate, this.path);
  }

  async removeCandidate(): Promise<void> {
    await rm(this.candidate, { force: true });
  }
}
