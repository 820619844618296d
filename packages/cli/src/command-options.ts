import { readFile } from 'node:fs/promises';
import type { ConfigFormat } from '@cloud-mirror/config';
import type {
  Config,
  CopierConfig,
  DiscoveryConfig,
  FrontendConfig,
  RouterConfig,
} from '@cloud-mirror/mirror';
import { InvalidArgumentError, Option } from 'commander';
import { UsageError } from './command-interface.ts';
import type { CommandContext } from './command-interface.ts';

/** The option `--mirror`; see {@link mirrorUrl}. */
export function mirrorOption(): Option {
  return new Option(
    '--mirror <url>',
    'URL of the front end, such as https://mirror.example.com (default: CLOUD_MIRROR_URL)',
  );
}

/** @throws UsageError if neither the option nor the environment names the front end */
export function mirrorUrl(option: string | undefined, context: CommandContext): string {
  const mirror = option ?? context.env['CLOUD_MIRROR_URL'];
  if (mirror === undefined || mirror === '')
    throw new UsageError('the URL of the mirror is missing; give --mirror URL or set CLOUD_MIRROR_URL');
  return mirror;
}

/** The option `--router`; see {@link routerUrl}. */
export function routerOption(): Option {
  return new Option(
    '--router <url>',
    'URL of the router, such as http://localhost:9000 (default: CLOUD_MIRROR_ROUTER)',
  );
}

/** @throws UsageError if neither the option nor the environment names the router, or if it is no URL */
export function routerUrl(option: string | undefined, context: CommandContext): URL {
  const router = option ?? context.env['CLOUD_MIRROR_ROUTER'] ?? '';
  if (router === '')
    throw new UsageError('the URL of the router is missing; give --router URL or set CLOUD_MIRROR_ROUTER');
  const url = URL.parse(router);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw new UsageError(
      `${JSON.stringify(router)} is not the URL of a router, such as http://localhost:9000`,
    );
  return url;
}

/** The token, or null if there is none: a router on loopback may need none. @throws UsageError as {@link operatorToken} */
export async function optionalToken(
  file: string | undefined,
  context: CommandContext,
): Promise<string | null> {
  if (file === undefined && (context.env['CLOUD_MIRROR_TOKEN'] ?? '').trim() === '') return null;
  return operatorToken(file, context);
}

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

/**
 * Reads the configuration in `file`, or in the file that the environment names.
 * @throws UsageError with every fault
 */
export async function readConfig(file: string | undefined, context: CommandContext): Promise<Config> {
  return readProgramConfig('standalone', file, context);
}

export const PROGRAMS = ['frontend', 'copier', 'standalone', 'router', 'discovery'] as const;

export interface ProgramSettings {
  readonly router: RouterConfig;
  readonly discovery: DiscoveryConfig;
  readonly frontend: FrontendConfig;
  readonly copier: CopierConfig;
  readonly standalone: Config;
}

/**
 * Like {@link readConfig}, but reads only the sections of one program. The standalone program reads the whole file.
 * @throws UsageError with every fault
 */
export async function readProgramConfig<Name extends keyof ProgramSettings>(
  program: Name,
  file: string | undefined,
  context: CommandContext,
): Promise<ProgramSettings[Name]> {
  // Imported late, because it loads the client of every store, which would delay `url` and `get`.
  const { ConfigError, loadConfig } = await import('@cloud-mirror/config');
  const { COPIER_CONFIG, DISCOVERY_CONFIG, FRONTEND_CONFIG, ROUTER_CONFIG, STANDALONE_CONFIG } =
    await import('@cloud-mirror/mirror');
  const formats: { readonly [P in keyof ProgramSettings]: ConfigFormat<ProgramSettings[P]> } = {
    frontend: FRONTEND_CONFIG.format,
    copier: COPIER_CONFIG.format,
    standalone: STANDALONE_CONFIG.format,
    router: ROUTER_CONFIG.format,
    discovery: DISCOVERY_CONFIG.format,
  };
  try {
    return await loadConfig(formats[program], file, context.env);
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** Parses an option whose value is a whole number of seconds, `least` or more. */
export function seconds(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least)) throw new InvalidArgumentError(`Give whole seconds, ${least} or more.`);
    return value;
  };
}
