import { Option } from 'commander';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

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
