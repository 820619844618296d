import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, replaceFile } from './folder/durable-files.ts';
import { requireDocumentName } from './state-store.ts';

/**
 * The last good version of each document on this process's disk, for a start while the store cannot be read. Several
 * processes may share the folder: any of their versions was good.
 */
export class LastGoodFiles {
  readonly #folder: string;

  /** @param folder created when it is first needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns null if there is none, or if it cannot be read */
  async load(name: string): Promise<string | null> {
    try {
      return await readFile(this.#fileOf(name), 'utf8');
    } catch {
      return null;
    }
  }

  async save(name: string, text: string): Promise<void> {
    await makeFolder(this.#folder);
    await replaceFile(this.#fileOf(name), text);
  }

  #fileOf(name: string): string {
    requireDocumentName(name);
    return join(this.#folder, `${name}.json`);
  }
}
