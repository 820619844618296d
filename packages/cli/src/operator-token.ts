import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

/** There is no option for the token itself, because every user of a machine can read the arguments of a process. */
export function tokenFileOption(): Option {
  return new Option(
    '--token-file <file>',
    "file that contains the operator's token (default: the token in CLOUD_MIRROR_TOKEN); never an argument, which others can see",
  );
}

/** @throws UsageError if there is no token, or it is not valid in a header */
export async function operatorToken(file: string | undefined, context: CommandContext): Promise<string> {
  const text = file === undefined ? context.env['CLOUD_MIRROR_TOKEN'] : await readTokenFile(file);
  const token = text?.trim() ?? '';
  const source = file ?? 'CLOUD_MIRROR_TOKEN';
  if (token === '')
    throw new UsageError(`${source} contains no token; set CLOUD_MIRROR_TOKEN or give --token-file`);
  // b64token of RFC 6750, section 2.1.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new UsageError(
      `the content of ${source} is not a bearer token; it must be one line, as printed by "token new"`,
    );
  return token;
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the token file cannot be read: ${cause}`, { cause: error });
  }
}
