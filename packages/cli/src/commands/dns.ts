import { isIP } from 'node:net';
import type { ServerAnswer } from '@cloud-mirror/dns-names/client';
import { Command, Option } from 'commander';
import { CommandError, UsageError, type CommandContext } from '../command-interface.ts';
import { readProgramConfig } from '../command-options.ts';
import { printable } from '../terminal-output.ts';

interface DnsOptions {
  readonly type?: string;
  readonly server?: string;
  readonly config?: string;
  readonly json?: true;
}

interface NameServer {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
}

type Answered = ServerAnswer['answers'][number];

const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'SOA', 'TXT', 'CNAME', 'NS', 'MX'] as const;
type QuestionType = (typeof TYPES)[number];

const DEFAULTS = { address: '127.0.0.1', port: 5353, domain: 'mirror.internal' } as const;
const LIMIT_MS = 5_000;
const LONGEST_NAME = 253;
const NIBBLES = 32;

/** `dns`: asks discovery's name server, and prints the records as `dig` does. */
export function dnsCommand(context: CommandContext): Command {
  return new Command('dns')
    .description("asks discovery's name server for a name, and prints its records as dig does")
    .argument('<name>', 'a name, with or without discovery.dns.domain, or an IP address')
    .addOption(
      new Option(
        '--type <type>',
        'type of the records (default: SRV for names that begin with _, PTR for addresses, else A and AAAA)',
      ).choices(TYPES),
    )
    .option('--server <address>', 'IP address of the name server, with or without :PORT')
    .option(
      '--config <file>',
      'the configuration file, which names the server and the domain (default: CLOUD_MIRROR_CONFIG)',
    )
    .option('--json', 'print a list of records')
    .action((name: string, options: DnsOptions) => dns(name, options, context));
}

async function dns(name: string, options: DnsOptions, context: CommandContext): Promise<void> {
  const server = await nameServer(options, context);
  const types = typesFor(name, options.type);
  const rcodes: string[] = [];
  for (const candidate of candidates(name, server.domain)) {
    const answers = await Promise.all(types.map((type) => ask(candidate, type, server, context.signal)));
    const records = answers.flatMap((answer) => [...answer.answers, ...answer.additionals]);
    if (records.length > 0) return print(records, options, context);
    const [{ rcode } = { rcode: '' }] = answers;
    rcodes.push(`${candidate}: ${rcode === 'NOERROR' ? `no ${types.join(' or ')} record` : rcode}`);
  }
  throw new CommandError(`there are no records; ${rcodes.join('; ')}`);
}

async function ask(
  name: string,
  type: QuestionType,
  server: NameServer,
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const { askServer } = await import('@cloud-mirror/dns-names/client');
  try {
    return await askServer({ name, type, server }, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]));
  } catch (error) {
    if (signal.aborted) throw error;
    const where = `${server.address} port ${server.port}`;
    const why = (error as Error).name === 'TimeoutError' ? 'no answer within 5 s' : (error as Error).message;
    throw new CommandError(
      `the name server at ${where} does not answer: ${why}; check that discovery runs there with discovery.dns.enabled, or give --server`,
      { cause: error },
    );
  }
}

/** @throws UsageError */
async function nameServer({ server, config }: DnsOptions, context: CommandContext): Promise<NameServer> {
  const hasFile = config !== undefined || (context.env['CLOUD_MIRROR_CONFIG'] ?? '') !== '';
  const configured = hasFile ? await configuredServer(config, context) : DEFAULTS;
  return server === undefined ? configured : { ...configured, ...givenServer(server) };
}

async function configuredServer(file: string | undefined, context: CommandContext): Promise<NameServer> {
  const { discovery } = await readProgramConfig('discovery', file, context);
  const { host, port, domain } = discovery.dns;
  // What listens on all addresses is on loopback too.
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { address, port, domain };
}

function givenServer(text: string): { address: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  const address = isIP(text) === 6 ? text : (match?.[1] ?? match?.[2] ?? '');
  const port = match?.[3] === undefined ? DEFAULTS.port : Number(match[3]);
  if (isIP(address) === 0 || port < 1 || port > 65_535)
    throw new UsageError(
      `${JSON.stringify(text)} is no name server; give an IP address, with or without a port: 127.0.0.1:5353`,
    );
  return { address, port };
}

function typesFor(name: string, given: string | undefined): readonly QuestionType[] {
  if (given !== undefined) return [given as QuestionType];
  if (isIP(name) !== 0) return ['PTR'];
  return name.startsWith('_') ? ['SRV'] : ['A', 'AAAA'];
}

/**
 * The names to ask for, in order: as given, and below the domain; a single label is below the domain first. A dot at the end
 * means exactly this name.
 */
function candidates(name: string, domain: string): readonly string[] {
  if (isIP(name) !== 0) return [reverseName(name)];
  const bare = name.replace(/\.$/, '');
  const below = `${bare}.${domain}`;
  const names =
    bare !== name || bare === domain || bare.endsWith(`.${domain}`)
      ? [bare]
      : bare.includes('.')
        ? [bare, below]
        : [below, bare];
  const valid = names.filter((each) => each.length <= LONGEST_NAME);
  if (valid.length === 0 || !/^(?:[^.\s]{1,63}\.)*[^.\s]{1,63}$/.test(bare))
    throw new UsageError(
      'the name is no DNS name; give labels of at most 63 characters, separated by dots, of 253 characters together',
    );
  return valid;
}

function reverseName(address: string): string {
  if (isIP(address) === 4) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const { hostname } = new URL(`http://[${address}]`);
  const [head = '', tail = ''] = hostname.slice(1, -1).split('::');
  const words = (text: string): string[] =>
    text === '' ? [] : text.split(':').map((word) => word.padStart(4, '0'));
  const [first, last] = [words(head).join(''), words(tail).join('')];
  const nibbles = first + '0'.repeat(NIBBLES - first.length - last.length) + last;
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}

function print(records: readonly Answered[], { json }: DnsOptions, { stdout }: CommandContext): void {
  const rows = records.map((record) => ({
    name: printable(record.name),
    ttl: 'ttl' in record ? (record.ttl ?? 0) : 0,
    type: record.type,
    data: printable(dataText(record)),
  }));
  if (json) return void stdout.write(`${JSON.stringify(rows)}\n`);
  for (const { name, ttl, type, data } of rows) stdout.write(`${name}.\t${ttl}\tIN\t${type}\t${data}\n`);
}

/** The data of a record in the form of zone files. */
function dataText(record: Answered): string {
  switch (record.type) {
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = record.data;
      return `${priority} ${weight} ${port} ${target}.`;
    }
    case 'MX':
      return `${record.data.preference ?? 0} ${record.data.exchange}.`;
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return [`${mname}.`, `${rname}.`, serial, refresh, retry, expire, minimum].join(' ');
    }
    case 'A':
    case 'AAAA':
      return record.data;
    case 'PTR':
    case 'CNAME':
    case 'NS':
      return `${record.data}.`;
    case 'TXT':
      return [record.data]
        .flat()
        .map((part) => JSON.stringify(String(part)))
        .join(' ');
    default:
      return 'data' in record ? JSON.stringify(record.data) : '';
  }
}
