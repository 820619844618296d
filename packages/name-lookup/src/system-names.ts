import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { settleWithin } from '@cloud-mirror/waiting';
import { hostAddress, type HostAddress } from './host-address.ts';

/** What the operating system's files say about names. */
export interface SystemNames {
  /** By name in lower case, in the order of `/etc/hosts`. */
  readonly hosts: ReadonlyMap<string, readonly HostAddress[]>;
  /** Domains to append to a name, in order; see `search` and `domain` in resolv.conf(5). */
  readonly search: readonly string[];
  /** A name with fewer dots is tried with the search domains first; see `ndots` in resolv.conf(5). */
  readonly ndots: number;
}

export interface SystemNamesFiles {
  /** The path of the hosts file, as in hosts(5). */
  readonly hostsFile: string;
  /** The path of the resolver's configuration, as in resolv.conf(5). */
  readonly resolverFile: string;
}

/** How long the files are taken for unchanged, in milliseconds. */
const CHECK_INTERVAL_MS = 2_000;
/** How long a look-up waits for the files. A disk that hangs must not stop it. */
const READ_MS = 1_000;
const MOST_SEARCH_DOMAINS = 8;
const MOST_DOTS = 15;

/** Reads the files again when they change. */
export class SystemNamesReader {
  readonly #files: SystemNamesFiles;
  #known: SystemNames = { hosts: new Map(), search: [], ndots: 1 };
  #version = '';
  #checkedAt = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(files: SystemNamesFiles) {
    this.#files = files;
  }

  /** The state of the files at most two seconds ago, or, if they cannot be read in time, the last known one. */
  async read(): Promise<SystemNames> {
    if (performance.now() - this.#checkedAt >= CHECK_INTERVAL_MS) {
      this.#reading ??= this.#refresh().finally(() => (this.#reading = null));
      await settleWithin(this.#reading, READ_MS, undefined);
    }
    return this.#known;
  }

  async #refresh(): Promise<void> {
    const { hostsFile, resolverFile } = this.#files;
    const version = (await Promise.all([versionOf(hostsFile), versionOf(resolverFile)])).join(' ');
    if (version !== this.#version) {
      const [hosts, resolver] = await Promise.all([textOf(hostsFile), textOf(resolverFile)]);
      this.#known = { hosts: parseHosts(hosts), ...parseResolver(resolver, hostname()) };
      this.#version = version;
    }
    this.#checkedAt = performance.now();
  }
}

/** Parses hosts(5): an address, then names, up to a `#`. A name may be on several lines. */
export function parseHosts(text: string): Map<string, readonly HostAddress[]> {
  const hosts = new Map<string, readonly HostAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const parsed = hostAddress(address);
    if (parsed === null) continue;
    for (const name of names.map((each) => each.toLowerCase().replace(/\.$/, ''))) {
      const known = hosts.get(name) ?? [];
      if (!known.some((other) => other.address === parsed.address)) hosts.set(name, [...known, parsed]);
    }
  }
  return hosts;
}

/**
 * Parses the search list and `ndots` of resolv.conf(5). The last `search` or `domain` counts. Without either, the domain
 * of this machine's own name is searched.
 */
export function parseResolver(text: string, ownName: string): Pick<SystemNames, 'search' | 'ndots'> {
  let search = ownName.includes('.') ? [ownName.slice(ownName.indexOf('.') + 1)] : [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') search = values;
    if (keyword === 'domain') search = values.slice(0, 1);
    if (keyword !== 'options') continue;
    const stated = values.findLast((value) => /^ndots:\d+$/.test(value));
    if (stated !== undefined) ndots = Math.min(MOST_DOTS, Number(stated.slice('ndots:'.length)));
  }
  const domains = search.map((domain) => domain.toLowerCase().replace(/^\.+|\.+$/g, ''));
  return { search: domains.filter((domain) => domain !== '').slice(0, MOST_SEARCH_DOMAINS), ndots };
}

async function versionOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch {
    return 'absent';
  }
}

/** An absent or unreadable file counts as empty, as for the system's own resolver. */
async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
