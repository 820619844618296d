import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../command-interface.ts';
import { CommandError, UsageError } from '../command-interface.ts';
import { optionalToken, tokenFileOption } from '../command-options.ts';
import { callFleet, followEvents } from '../fleet-call.ts';
import { jsonObject } from '../http-client.ts';
import { jsonLine, printable } from '../terminal-output.ts';

interface FleetOptions {
  readonly fleet?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

interface ListedInstance {
  readonly id: string;
  readonly app: string;
  readonly host: string;
  readonly ports: readonly { readonly port: number }[];
  readonly region: string | null;
  readonly version: string;
  readonly state: string;
  readonly healthy: boolean;
  readonly why: string | null;
}

const DEFAULT_FLEET = 'http://127.0.0.1:8090';

function fleetOption(): Option {
  return new Option('--fleet <url>', `URL of the fleet (default: CLOUD_MIRROR_FLEET, or ${DEFAULT_FLEET})`);
}

/** @throws UsageError if it is no URL */
function fleetUrl({ fleet }: FleetOptions, { env }: CommandContext): URL {
  const given = fleet ?? (env['CLOUD_MIRROR_FLEET'] || DEFAULT_FLEET);
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw new UsageError(`${JSON.stringify(given)} is not the URL of a fleet, such as ${DEFAULT_FLEET}`);
  return url;
}

/** `nodes`: who runs where. */
export function nodesCommand(context: CommandContext): Command {
  return new Command('nodes')
    .description('lists the instances of all programs: who runs where, and how well')
    .option('--app <name>', 'only this app, such as frontend')
    .addOption(fleetOption())
    .option('--json', 'print the response of the fleet unchanged')
    .action(async (options: FleetOptions & { readonly app?: string }) => {
      const url = new URL('v1/instances', slashed(fleetUrl(options, context)));
      if (options.app !== undefined) url.searchParams.set('app', options.app);
      const text = await callFleet({ method: 'GET', url, token: null, body: null, signal: context.signal });
      context.stdout.write(options.json ? jsonLine(text) : instanceTable(text));
    });
}

/** `scale`: sets the number of instances of an app. */
export function scaleCommand(context: CommandContext): Command {
  return new Command('scale')
    .description('sets the number of instances of an app (scope scale)')
    .argument('<app>', 'the app, such as copier')
    .argument('<instances>', 'the number of instances', instanceCount)
    .option('--force', 'take the place of a deployment of the app that is under way')
    .addOption(fleetOption())
    .addOption(tokenFileOption())
    .action(async (app: string, instances: number, options: FleetOptions & { readonly force?: true }) =>
      deploy(app, '', { instances }, options, context),
    );
}

/** `restart`: replaces the instances of an app one after the other. */
export function restartCommand(context: CommandContext): Command {
  return new Command('restart')
    .description('replaces the instances of an app, each after a new one serves (scope scale)')
    .argument('<app>', 'the app, such as frontend')
    .option('--force', 'take the place of a deployment of the app that is under way')
    .addOption(fleetOption())
    .addOption(tokenFileOption())
    .action(async (app: string, options: FleetOptions & { readonly force?: true }) =>
      deploy(app, '/restart', null, options, context),
    );
}

/** `events`: follows the changes until it is interrupted. */
export function eventsCommand(context: CommandContext): Command {
  return new Command('events')
    .description('follows the changes of instances, one line of JSON for each, until it is interrupted')
    .addOption(fleetOption())
    .option(
      '--since <revision>',
      'begin after this revision, or with a list of everything if that is too old',
    )
    .action(async (options: FleetOptions & { readonly since?: string }) => {
      const url = new URL('v1/events', slashed(fleetUrl(options, context)));
      await followEvents(url, options.since ?? null, context.signal, ({ event, id, data }) => {
        context.stdout.write(jsonLine(JSON.stringify({ event, revision: Number(id), ...data })));
      });
    });
}

async function deploy(
  app: string,
  action: '' | '/restart',
  body: { readonly instances: number } | null,
  options: FleetOptions & { readonly force?: true },
  context: CommandContext,
): Promise<void> {
  const url = new URL(`v2/apps/${encodeURIComponent(app)}${action}`, slashed(fleetUrl(options, context)));
  if (options.force) url.searchParams.set('force', 'true');
  const token = await optionalToken(options.tokenFile, context);
  const method = body === null ? 'POST' : 'PUT';
  const text = await callFleet({ method, url, token, body, signal: context.signal });
  const id = jsonObject(text)?.['deploymentId'];
  if (typeof id !== 'string') throw new CommandError(`${url.host} did not answer as a fleet; check --fleet`);
  context.stdout.write(
    `deployment ${printable(id)} has begun; GET /v2/deployments tells what it waits for\n`,
  );
}

function instanceTable(text: string): string {
  const instances = jsonObject(text)?.['instances'];
  if (!Array.isArray(instances)) throw new CommandError('the answer is not one of a fleet; check --fleet');
  const rows = (instances as ListedInstance[]).map((instance) => [
    instance.app,
    `${instance.host}${instance.ports.map(({ port }) => `:${port}`).join(',')}`,
    instance.healthy ? instance.state : `${instance.state}, unhealthy`,
    instance.region ?? '-',
    instance.version === '' ? '-' : instance.version,
    instance.id,
    instance.why ?? '',
  ]);
  const all = [['APP', 'ADDRESS', 'STATE', 'REGION', 'VERSION', 'ID', ''], ...rows].map((row) =>
    row.map(printable),
  );
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function instanceCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}

/** So that a path can be added to it. */
function slashed(url: URL): URL {
  return new URL(url.href.replace(/\/*$/, '/'));
}
