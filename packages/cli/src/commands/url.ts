import { rewriteUrl } from '@cloud-mirror/client';
import { Command } from 'commander';
import type { CommandContext } from '../command-interface.ts';
import { mirrorOption, mirrorUrl } from '../command-options.ts';

interface UrlOptions {
  readonly service: string;
  readonly region: string;
  readonly mirror?: string;
  readonly fileName?: true | string;
}

/** `url`: prints the mirror's URL for an origin object. */
export function urlCommand(context: CommandContext): Command {
  return new Command('url')
    .description("prints the mirror's URL for an origin URL")
    .argument('<origin>', 'the origin URL')
    .requiredOption('--service <name>', 'service, such as s3')
    .requiredOption('--region <name>', 'region, such as us-west-1')
    .addOption(mirrorOption())
    .option('--file-name [name]', "append a file name (default: the origin URL's), for pip and curl -O")
    .action((origin: string, options: UrlOptions) => {
      const { service, region, fileName } = options;
      const mirror = mirrorUrl(options.mirror, context);
      context.stdout.write(`${rewriteUrl(origin, { mirror, service, region, fileName })}\n`);
    });
}
