import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HaproxyTemplates } from '@cloud-mirror/edge-config';

/**
 * Reads the files of a folder, by their names. Hidden files, backups of editors and folders are no templates.
 * @returns no templates if there is no such folder
 * @throws Error if a file cannot be read
 */
export async function readTemplates(folder: string): Promise<HaproxyTemplates> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const templates = new Map<string, string>();
  for (const name of names.filter((one) => !/^\.|~$/.test(one)).sort()) {
    const text = await readFile(join(folder, name), 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EISDIR') return null;
      throw error;
    });
    if (text !== null) templates.set(name, text.replaceAll('\r\n', '\n'));
  }
  return templates;
}
