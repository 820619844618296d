import { shownText } from './shown-text.ts';
import { isBindAddress, isHostName, parsePort } from './safe-words.ts';

/** How requests are shared out between the servers of an app. */
export type Balance = 'roundrobin' | 'leastconn' | 'random' | 'source' | 'uri';

/** What the labels `HAPROXY_{n}_…` of an app say about its port n. */
export interface PortLabels {
  readonly enabled: boolean;
  /** Host names in lower case. */
  readonly hosts: readonly string[];
  /** A prefix of paths without a slash at its end; null for all paths. */
  readonly path: string | null;
  readonly port: number | null;
  readonly mode: 'http' | 'tcp';
  readonly balance: Balance;
  readonly isSticky: boolean;
  readonly redirectsToHttps: boolean;
  /** Paths of PEM files. */
  readonly certificates: readonly string[];
  readonly bindAddress: string;
  /** Rules of an app with a higher weight come first in the shared front ends. null: by the length of the path. */
  readonly weight: number | null;
}

/** What the labels of an app say. */
export interface AppLabels {
  readonly groups: readonly string[];
  /** By n, for each port that has a label. */
  readonly ports: ReadonlyMap<number, PortLabels>;
}

/** Port n of an app that has no labels of its own. */
export const NO_PORT_LABELS: PortLabels = {
  enabled: true,
  hosts: [],
  path: null,
  port: null,
  mode: 'http',
  balance: 'roundrobin',
  isSticky: false,
  redirectsToHttps: false,
  certificates: [],
  bindAddress: '127.0.0.1',
  weight: null,
};

/** A label whose value cannot be used. The message names it. */
export class LabelError extends Error {
  override readonly name = 'LabelError';
}

const MOST_PORTS = 100;
const MODES = ['http', 'tcp'] as const;
const BALANCES = ['roundrobin', 'leastconn', 'random', 'source', 'uri'] as const;

/** Each reader gets a value that is not empty, and throws what is expected instead. */
const READERS: Readonly<Record<string, (value: string) => Partial<PortLabels>>> = {
  ENABLED: (value) => ({ enabled: readFlag(value) }),
  VHOST: (value) => ({ hosts: readHosts(value) }),
  PATH: (value) => ({ path: readPath(value) }),
  PORT: (value) => ({ port: parsePort(value) ?? expected('a TCP port from 1 to 65535') }),
  MODE: (value) => ({ mode: readWord(value, MODES) }),
  BALANCE: (value) => ({ balance: readWord(value, BALANCES) }),
  STICKY: (value) => ({ isSticky: readFlag(value) }),
  REDIRECT_TO_HTTPS: (value) => ({ redirectsToHttps: readFlag(value) }),
  SSL_CERT: (value) => ({ certificates: readCertificates(value) }),
  BIND_ADDR: (value) => ({
    bindAddress: isBindAddress(value) ? value : expected('an IP address, or * for all'),
  }),
  BACKEND_WEIGHT: (value) => ({
    weight: /^\d{1,6}$/.test(value) ? Number(value) : expected('a whole number from 0 to 999999'),
  }),
};

/** Whether an app may be published: it has a group, or a label of a port. */
export function hasHaproxyLabels(labels: Readonly<Record<string, string>>): boolean {
  return Object.keys(labels).some((name) => /^HAPROXY_(?:GROUP$|\d+_)/.test(name));
}

/**
 * Reads the labels of an app that begin with `HAPROXY_`. A label without a value counts as absent.
 * @throws LabelError for an unknown label too, because publishing an app without what the label asks for may expose it
 */
export function readAppLabels(labels: Readonly<Record<string, string>>): AppLabels {
  let groups: readonly string[] = [];
  const ports = new Map<number, PortLabels>();
  for (const [name, text] of Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (!name.startsWith('HAPROXY_')) continue;
    const value = text.trim();
    if (name === 'HAPROXY_GROUP') {
      groups = readLabel(name, value, () => readGroups(value));
      continue;
    }
    const [, digits = '', key = ''] = /^HAPROXY_(\d{1,3})_([A-Z_]+)$/.exec(name) ?? [];
    const reader = READERS[key];
    const n = Number(digits);
    if (reader === undefined || n >= MOST_PORTS)
      throw new LabelError(`the label ${shownText(name)} is unknown; remove it, or see docs/fleet.md`);
    const before = ports.get(n) ?? NO_PORT_LABELS;
    ports.set(n, value === '' ? before : { ...before, ...readLabel(name, value, () => reader(value)) });
  }
  for (const [n, port] of ports) refuseCombinations(n, port);
  return { groups, ports };
}

function readLabel<Value>(name: string, value: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LabelError)) throw error;
    throw new LabelError(`the label ${name} is ${shownText(value)}; it must be ${error.message}`);
  }
}

function refuseCombinations(n: number, port: PortLabels): void {
  const label = (key: string): string => `HAPROXY_${n}_${key}`;
  if (port.mode === 'tcp') {
    const [key] = [
      ...(port.hosts.length > 0 ? ['VHOST'] : []),
      ...(port.path === null ? [] : ['PATH']),
      ...(port.redirectsToHttps ? ['REDIRECT_TO_HTTPS'] : []),
      ...(port.balance === 'uri' ? ['BALANCE: uri'] : []),
    ];
    if (key !== undefined) throw new LabelError(`${label(key)} needs ${label('MODE')}: http`);
  }
  if (port.redirectsToHttps && port.hosts.length === 0)
    throw new LabelError(`${label('REDIRECT_TO_HTTPS')} needs ${label('VHOST')}`);
}

function expected(what: string): never {
  throw new LabelError(what);
}

function readFlag(value: string): boolean {
  if (/^(?:true|1)$/i.test(value)) return true;
  return /^(?:false|0)$/i.test(value) ? false : expected('true or false');
}

function readWord<Word extends string>(value: string, words: readonly Word[]): Word {
  return words.find((word) => word === value.toLowerCase()) ?? expected(words.join(', '));
}

function readHosts(value: string): string[] {
  const hosts = listOf(value).map((host) => host.toLowerCase());
  const areHosts = hosts.length > 0 && hosts.every(isHostName);
  return areHosts ? [...new Set(hosts)].sort() : expected('host names with commas between them');
}

function readGroups(value: string): string[] {
  const groups = listOf(value);
  const areGroups = groups.every((group) => /^[A-Za-z0-9._-]{1,100}$/.test(group));
  return areGroups ? groups : expected('names of letters, digits and -_. with commas between them');
}

function readPath(value: string): string | null {
  if (!/^\/[A-Za-z0-9/_.~%+@:=,-]{0,500}$/.test(value))
    return expected('a path that begins with / and has letters, digits and -._~%+@:=, only');
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? null : prefix;
}

function readCertificates(value: string): string[] {
  const files = listOf(value);
  const areFiles = files.length > 0 && files.every((file) => /^\/[A-Za-z0-9/_.@+-]{1,500}$/.test(file));
  return areFiles ? files : expected('absolute paths of PEM files with commas between them');
}

function listOf(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
