import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Detects that the shared credentials file or configuration file was replaced or rewritten.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
 */
export class SharedFiles {
  readonly #paths: readonly string[];
  #seen: string | null = null;

  constructor(environment: Readonly<Record<string, string | undefined>> = process.env) {
    const path = (name: string, file: string): string => {
      const given = environment[name];
      if (given === undefined || given === '') return join(homedir(), '.aws', file);
      return given.startsWith('~/') ? join(homedir(), given.slice(2)) : given;
    };
    this.#paths = [path('AWS_SHARED_CREDENTIALS_FILE', 'credentials'), path('AWS_CONFIG_FILE', 'config')];
  }

  /** Whether a file changed since the last call. False at the first call. */
  async changed(): Promise<boolean> {
    const now = (await Promise.all(this.#paths.map(stateOf))).join('\n');
    const before = this.#seen;
    this.#seen = now;
    return before !== null && before !== now;
  }
}

async function stateOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return 'none';
  }
}
