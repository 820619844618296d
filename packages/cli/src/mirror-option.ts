import { Option } from 'commander';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

/** `--mirror`, with the environment behind it. */
export function mirrorOption(): Option {
  return new Option(
    '--mirror <url>',
    'the front end, as in https://mirror.example.com; else CLOUD_MIRROR_URL',
  );
}

/** @throws UsageError where neither the option nor the environment names the front end */
export function mirrorUrl(option: string | undefined, context: CommandContext): string {
  const mirror = option ?? context.env['CLOUD_MIRROR_URL'];
  if (mirror === undefined || mirror === '')
    throw new UsageError('no mirror is named; give --mirror URL or set CLOUD_MIRROR_URL');
  return mirror;
}
