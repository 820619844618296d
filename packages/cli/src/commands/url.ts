import { rewriteUrl } from '@cloud-mirror/client';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { mirrorOption, mirrorUrl } from '../mirror-option.ts';

interface UrlOptions {
  readonly service: string;
  readonly region: string;
  readonly mirror?: string;
  readonly fileName?: true | string;
}

/** `url`: prints where to ask for the copy of an origin object. */
export function urlCommand(context: CommandContext): Command {
  return new Command('url')
    .description("prints an origin URL's mirrored address")
    .argument('<origin>', 'the origin URL')
    .requiredOption('--service <name>', 'service, as in s3')
    .requiredOption('--region <name>', 'region, as in us-west-1')
    .addOption(mirrorOption())
    .option(
      '--file-name [name]',
      "append a file name, the origin URL's own where none is given: for pip and curl -O",
    )
    .action((origin: string, options: UrlOptions) => {
      const { service, region, fileName } = options;
      const mirror = mirrorUrl(options.mirror, context);
      context.stdout.write(`${rewriteUrl(origin, { mirror, service, region, fileName })}\n`);
    });
}
