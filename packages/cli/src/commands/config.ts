import { Command } from 'commander';
import type { Config } from '@cloud-mirror/mirror';
import type { CommandContext } from '../command-context.ts';
import { readConfig } from '../read-config.ts';

/** `config check`: says every fault of a configuration file, or what it sets up. Opens nothing. */
export function configCommand(context: CommandContext): Command {
  return new Command('config').description('the configuration file').addCommand(
    new Command('check')
      .description(
        'checks a configuration file as the programs do at start, with the environment as it is here',
      )
      .argument('[file]', 'the file; else CLOUD_MIRROR_CONFIG')
      .action(async (file: string | undefined) => {
        context.stdout.write(summary(await readConfig(file, context)));
      }),
  );
}

function summary(config: Config): string {
  const backends = Object.entries(config.services).flatMap(([service, { kind, regions }]) =>
    Object.keys(regions).map((region) => `${service}/${region} (${kind})`),
  );
  const { sources, entries, queue, admin, server } = config;
  return [
    'OK',
    `  front end   ${server.publicUrl}, listening on ${server.host}:${server.port}`,
    `  back ends   ${backends.join(', ')}`,
    `  sources     ${sources.allow.length} allowed`,
    `  entries     ${entries.kind}`,
    `  queue       ${queue.kind}`,
    `  operators   ${admin.tokens.map((token) => token.name).join(', ') || 'none: their calls answer 401'}`,
    '',
  ].join('\n');
}
