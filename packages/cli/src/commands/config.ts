import type {
  Config,
  CopierConfig,
  DiscoveryConfig,
  FrontendConfig,
  RouterConfig,
} from '@cloud-mirror/mirror';
import { Command, Option } from 'commander';
import type { CommandContext } from '../command-interface.ts';
import { PROGRAMS, readProgramConfig } from '../command-options.ts';

/** `config check`: prints every fault of a configuration file, or a summary. Connects to nothing. */
export function configCommand(context: CommandContext): Command {
  return new Command('config').description('the configuration file').addCommand(
    new Command('check')
      .description(
        'checks a configuration file as the programs do at start, with the environment of this command',
      )
      .argument('[file]', 'the file (default: CLOUD_MIRROR_CONFIG)')
      .addOption(
        new Option('--program <name>', 'check what this program reads; standalone reads the whole file')
          .choices(PROGRAMS)
          .default('standalone'),
      )
      .action(async (file: string | undefined, { program }: { program: (typeof PROGRAMS)[number] }) => {
        if (program === 'router') {
          context.stdout.write(routerSummary(await readProgramConfig(program, file, context)));
          return;
        }
        if (program === 'discovery') {
          context.stdout.write(discoverySummary(await readProgramConfig(program, file, context)));
          return;
        }
        const config = await readProgramConfig(program, file, context);
        const { configWarnings } = await import('@cloud-mirror/mirror');
        context.stdout.write(summary(config));
        for (const { path, message } of configWarnings(config))
          context.stderr.write(`warning: ${path}: ${message}\n`);
      }),
  );
}

function routerSummary({ router, state, admin, services }: RouterConfig): string {
  const backends = Object.entries(services).flatMap(([service, { regions }]) =>
    Object.keys(regions).map((region) => `${service}/${region}`),
  );
  return [
    'OK',
    `  router      listening on ${router.host}:${router.port}`,
    `  state       ${state.kind === 's3' ? `bucket ${state.bucket}` : `folder ${state.directory}`}`,
    `  secrets     ${router.sealKey.length === 0 ? 'in memory only: there is no sealKey' : 'sealed'}`,
    `  back ends   ${backends.join(', ') || 'none: routes describe their buckets'}`,
    `  tokens      ${admin.tokens.map(({ name }) => name).join(', ') || 'none'}`,
    '',
  ].join('\n');
}

function discoverySummary({ discovery, registry, entries }: DiscoveryConfig): string {
  const { enabled, host, port, domain, resolvers } = discovery.dns;
  return [
    'OK',
    `  discovery   listening on ${discovery.host}:${discovery.port}`,
    `  registry    ${registry.kind ?? entries.kind}`,
    enabled
      ? `  names       below ${domain}, on ${host}:${port}, ${resolvers.length} resolvers for others`
      : '  names       none: discovery.dns.enabled is false',
    '',
  ].join('\n');
}

function summary(config: Config | FrontendConfig | CopierConfig): string {
  const backends = Object.entries(config.services).flatMap(([service, { kind, regions }]) =>
    Object.keys(regions).map((region) => `${service}/${region} (${kind})`),
  );
  const { sources, entries, queue } = config;
  return [
    'OK',
    ...('admin' in config
      ? [`  front end   ${config.server.publicUrl}, listening on ${config.server.host}:${config.server.port}`]
      : []),
    `  back ends   ${backends.join(', ')}`,
    `  sources     ${sources.allow.length} allowed`,
    `  entries     ${entries.kind}`,
    `  queue       ${queue.kind}`,
    ...('admin' in config
      ? [
          `  operators   ${config.admin.tokens.map((token) => token.name).join(', ') || 'none: their calls answer 401'}`,
        ]
      : []),
    '',
  ].join('\n');
}
