import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { askStore } from '@cloud-mirror/storage-routes/store-answer';
import { Command } from 'commander';
import { CommandError, UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { optionalToken, routerOption, routerUrl, tokenFileOption } from '../command-options.ts';
import { headerText, jsonObject } from '../http-client.ts';
import { routerRefusal } from '../router-refusal.ts';
import { callService } from '../service-call.ts';
import type { ServiceAnswer } from '../service-call.ts';
import { jsonLine, printable } from '../terminal-output.ts';

interface RoutesOptions {
  readonly router?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** `routes`: shows, sets, removes and tests the storage routes of a router. */
export function routesCommand(context: CommandContext): Command {
  const routes = new Command('routes').description(
    'shows and changes the storage routes of a router (scope routes)',
  );
  const add = (name: string, description: string): Command =>
    routes.command(name).description(description).addOption(routerOption()).addOption(tokenFileOption());
  add('list', 'lists the routes; credentials are masked')
    .option('--json', 'print the document of routes')
    .action((options: RoutesOptions) => list(options, context));
  add('set', 'sets the route of a path')
    .argument('<path>', 'the path prefix, such as /releases')
    .argument('<file>', 'a JSON file with the route, such as {"store": "s3/us-west-1"}; - for standard input')
    .action((path: string, file: string, options: RoutesOptions) => set(path, file, options, context));
  add('rm', 'removes the route of a path')
    .argument('<path>', 'the path prefix')
    .action((path: string, options: RoutesOptions) => remove(path, options, context));
  add(
    'test',
    'reads through the route of a path, and says why it fails (scope read, where readers need a token)',
  )
    .argument('<path>', 'a path below the route')
    .action((path: string, options: RoutesOptions) => test(path, options, context));
  return routes;
}

async function list(options: RoutesOptions, context: CommandContext): Promise<void> {
  const answer = await call('GET', options, context);
  if (answer.status !== 200) throw routerRefusal(answer);
  const routes = jsonObject(answer.text);
  if (routes === null)
    throw new CommandError(
      `the router answered ${answer.status} without routes; is it a Cloud Mirror router?`,
    );
  const lines = Object.entries(routes).map(([path, route]) => printable(`${path}  ${describeRoute(route)}`));
  context.stdout.write(options.json ? jsonLine(answer.text) : lines.map((line) => `${line}\n`).join(''));
  if (lines.length === 0) context.stderr.write('there are no routes\n');
}

/** `bucket b, at http://…, prefix "p/", write "once"`: the target, then the rules. */
function describeRoute(route: unknown): string {
  const { s3, store, prefix, ...rules } = (route ?? {}) as Record<string, unknown>;
  const target = (s3 ?? {}) as Readonly<Record<string, unknown>>;
  const word = (name: string, value: unknown): string | null =>
    typeof value === 'string' ? `${name} ${value}` : null;
  const shownPrefix = target['prefix'] ?? prefix;
  return [
    word('store', store) ?? word('bucket', target['bucket']) ?? 'an unknown target',
    word('in', target['region']),
    word('at', target['endpoint']),
    typeof shownPrefix === 'string' ? `prefix ${JSON.stringify(shownPrefix)}` : null,
    word('access', target['access']),
    ...Object.entries(rules).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
  ]
    .filter((part) => part !== null)
    .join(', ');
}

async function set(
  path: string,
  file: string,
  options: RoutesOptions,
  context: CommandContext,
): Promise<void> {
  const text = await readRoute(file, context);
  let route: unknown;
  try {
    route = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not JSON; a route is an object such as {"store": "s3/us-west-1"}`, {
      cause: error,
    });
  }
  const answer = await call('POST', options, context, JSON.stringify({ [path]: route }));
  if (answer.status !== 200) throw routerRefusal(answer);
  const warning = headerText(answer.headers['warning']);
  context.stdout.write(printable(`${path}: set`) + '\n');
  if (warning !== null) context.stderr.write(`warning: ${printable(warning)}\n`);
}

async function readRoute(file: string, context: CommandContext): Promise<string> {
  if (file === '-') return context.stdin === undefined ? '' : textOf(context.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function remove(path: string, options: RoutesOptions, context: CommandContext): Promise<void> {
  const answer = await call('POST', options, context, JSON.stringify({ [path]: '*delete*' }));
  if (answer.status !== 200) throw routerRefusal(answer);
  context.stdout.write(`${printable(path)}: removed\n`);
}

/** Names no object that anybody would store. */
const TRIAL_NAME = '.cloud-mirror-trial';

async function test(path: string, options: RoutesOptions, context: CommandContext): Promise<void> {
  const router = routerUrl(options.router, context);
  const token = await optionalToken(options.tokenFile, context);
  const segments = [...path.split('/').filter((segment) => segment !== ''), TRIAL_NAME];
  const url = new URL(`/${segments.map(encodeURIComponent).join('/')}`, router);
  const answer = await callService({ method: 'GET', url, token, signal: context.signal });
  const location = headerText(answer.headers.location);
  if (answer.status !== 307 || location === null) throw routerRefusal(answer);
  const { fault, hint } = await askStore(location, context.signal);
  const shown = `${printable(path)}: `;
  const store = new URL(location).host;
  if (fault !== null)
    throw new CommandError(`${shown}${store}: ${printable(fault)}${hint === null ? '' : `; ${hint}`}`);
  context.stdout.write(`${shown}works; ${store} takes the signature and can be read\n`);
}

async function call(
  method: 'GET' | 'POST',
  options: RoutesOptions,
  context: CommandContext,
  body?: string,
): Promise<ServiceAnswer> {
  const url = new URL('/', routerUrl(options.router, context));
  const token = await optionalToken(options.tokenFile, context);
  return callService({ method, url, token, signal: context.signal, ...(body !== undefined && { body }) });
}
