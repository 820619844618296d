import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import { request } from 'undici';
import { CommandError, UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { answerText, describeProblem, LONGEST_BYTES, networkFailure, openHttpAgent } from '../http-client.ts';

const ANSWER_LIMIT_MS = 10_000;

/** `haproxy-cfg`: turns lines of endpoints into a configuration of HAProxy, as the script haproxy_cfg does. */
export function haproxyCfgCommand(context: CommandContext): Command {
  return new Command('haproxy-cfg')
    .description('writes a configuration of HAProxy (2.6 or later) from lines of endpoints')
    .addCommand(
      new Command('header').description('prints the sections global and defaults').action(async () => {
        const { FILTER_HEADER } = await import('@cloud-mirror/edge-config');
        context.stdout.write(FILTER_HEADER);
      }),
    )
    .addCommand(
      new Command('rules')
        .description('reads lines "name<TAB>port<TAB>host:port<TAB>…" and prints a section listen for each')
        .addOption(bindOption())
        .action(({ bind }: { readonly bind: string }) => writeRules(context.stdin, bind, context)),
    )
    .addCommand(
      new Command('config')
        .description('prints the header, and the rules for the tasks of a fleet or Marathon')
        .argument('<host:port...>', 'where /v2/tasks is read; the first that answers')
        .addOption(bindOption())
        .action(async (addresses: readonly string[], { bind }: { readonly bind: string }) => {
          const tasks = await readTasks(addresses.map(tasksUrl), context);
          const { FILTER_HEADER } = await import('@cloud-mirror/edge-config');
          context.stdout.write(FILTER_HEADER);
          await writeRules(tasks.split('\n'), bind, context);
        }),
      { isDefault: true },
    )
    .addHelpText(
      'after',
      `
Examples:
  cloud-mirror haproxy-cfg config localhost:8090 > haproxy.cfg
  curl -s -H 'Accept: text/plain' localhost:9000/ | cloud-mirror haproxy-cfg rules

A line without a port is left out with a warning. haproxy_cfg is the same command.`,
    );
}

function bindOption(): Option {
  return new Option('--bind <address>', 'IP address that HAProxy listens on; * for all')
    .default('127.0.0.1')
    .argParser((text) => text.replace(/^\[(.*)\]$/, '$1'));
}

async function writeRules(
  source: NodeJS.ReadableStream | readonly string[],
  bind: string,
  { stdout, stderr, signal }: CommandContext,
): Promise<void> {
  const { isBindAddress, ListenRules } = await import('@cloud-mirror/edge-config');
  if (!isBindAddress(bind)) throw new UsageError(`--bind ${JSON.stringify(bind)} is not an IP address or *`);
  const rules = new ListenRules(bind);
  const lines = 'read' in source ? createInterface({ input: source, signal, crlfDelay: Infinity }) : source;
  for await (const line of lines) {
    const { text, warnings } = rules.section(line);
    for (const warning of warnings) stderr.write(`warning: ${warning}\n`);
    if (text !== '') stdout.write(text);
  }
  signal.throwIfAborted();
}

function tasksUrl(address: string): URL {
  const url = URL.parse(/^https?:\/\//i.test(address) ? address : `http://${address}`);
  if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '')
    throw new UsageError(`${JSON.stringify(address)} is not HOST:PORT, such as localhost:8090`);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v2/tasks`;
  return url;
}

/** @throws CommandError with the failure of the last address if none answers */
async function readTasks(urls: readonly URL[], context: CommandContext): Promise<string> {
  let last: unknown = null;
  for (const url of urls) {
    try {
      return await fetchTasks(url, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (last !== null && last instanceof Error) context.stderr.write(`warning: ${last.message}\n`);
      last = error;
    }
  }
  throw last;
}

async function fetchTasks(url: URL, { signal }: CommandContext): Promise<string> {
  const dispatcher = openHttpAgent(ANSWER_LIMIT_MS);
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      headers: { accept: 'text/plain' },
      signal,
    });
    const text = await answerText(body);
    if (statusCode !== 200)
      throw new CommandError(`${url.href} answered ${describeProblem(statusCode, headers, text)}`);
    if (Buffer.byteLength(text) >= LONGEST_BYTES)
      throw new CommandError(`${url.href} answered with more than ${LONGEST_BYTES} bytes`);
    if (!/^text\/plain\b/i.test(String(headers['content-type'])))
      throw new CommandError(
        `${url.href} answered with no text/plain; give the address of a fleet or Marathon`,
      );
    return text;
  } catch (error) {
    throw error instanceof CommandError ? error : networkFailure(error, url);
  } finally {
    await dispatcher.destroy();
  }
}
