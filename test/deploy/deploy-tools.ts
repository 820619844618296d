import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';

const run = promisify(execFile);

/** Where `npm run fetch:kubectl` puts kubectl and helm. */
export const TOOLS = join(PROJECT_ROOT, 'node_modules/.cache/deploy-tools');

/** The path of a program that the tests can do without; null if it is not installed. */
export async function toolPath(name: string): Promise<string | null> {
  const folders = [join(TOOLS, name), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

/** The output of a program, run in the project's root. @throws Error with what it printed, if it fails */
export async function outputOf(path: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(path, args, { cwd: PROJECT_ROOT, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}
