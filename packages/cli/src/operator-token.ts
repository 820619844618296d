import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

/** There is no option that takes the token itself: every user of the machine can read the arguments of a process. */
export function tokenFileOption(): Option {
  return new Option(
    '--token-file <file>',
    "file that holds the operator's token; else CLOUD_MIRROR_TOKEN (never an argument, which others can see)",
  );
}

/** @throws UsageError where there is no token, or it cannot stand in a header */
export async function operatorToken(file: string | undefined, context: CommandContext): Promise<string> {
  const text = file === undefined ? context.env['CLOUD_MIRROR_TOKEN'] : await readTokenFile(file);
  const token = text?.trim() ?? '';
  const source = file ?? 'CLOUD_MIRROR_TOKEN';
  if (token === '')
    throw new UsageError(`${source} holds no token; set CLOUD_MIRROR_TOKEN or give --token-file`);
  // RFC 6750 section 2.1, b64token.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new UsageError(
      `what ${source} holds is no bearer token; it must be one line, as token new made it`,
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
