import { parseRedisAddress, type RedisAddress } from '@cloud-mirror/cache-manager';
import { describeFound, pathText, pemFault } from '@cloud-mirror/config';
import type { KeyPath } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';
import { isMapping, listAt, valueAt } from './config-values.ts';

/**
 * How Redis is reached: one of three kinds of addresses, and keys beside it that say what the address does not. What is said twice and
 * differently is a fault, since one of the two would be ignored. No fault shows a part of an address: it may be a password.
 */
export function redisFaults(config: unknown): CrossFault[] {
  const entries = valueAt(config, 'entries');
  if (!isMapping(entries) || entries['kind'] !== 'redis') return [];
  const given = ['url', 'sentinels', 'cluster'].filter((key) => entries[key] !== undefined);
  const several: CrossFault[] =
    given.length <= 1
      ? []
      : [
          {
            path: ['entries'],
            found: given.join(' and '),
            expected: 'exactly one of url, sentinels and cluster',
          },
        ];
  const found = readAddresses(entries);
  return [
    ...several,
    ...found.faults,
    ...caFaults(entries),
    ...(several.length > 0 || found.faults.length > 0 ? [] : relationFaults(entries, found)),
  ];
}

interface Located {
  readonly path: KeyPath;
  readonly address: RedisAddress;
}

/** The addresses of an `entries` section, by what they are of. */
interface Addresses {
  /** Of the servers: `url`, `sentinels.url`, or the nodes of a cluster. */
  readonly servers: readonly Located[];
  readonly sentinels: readonly Located[];
  readonly faults: readonly CrossFault[];
}

function readAddresses(entries: Record<string, unknown>): Addresses {
  const faults: CrossFault[] = [];
  const read = (path: KeyPath, value: unknown, needsScheme: boolean): Located[] => {
    if (typeof value !== 'string') return [];
    const result = parseRedisAddress(value);
    const fault = result.ok
      ? needsScheme && result.address.tls === undefined
        ? { found: 'no scheme', expected: 'an address that begins with redis:// or rediss://' }
        : null
      : result.fault;
    if (fault === null && result.ok) return [{ path, address: result.address }];
    // A password may stand anywhere in it.
    const shown = describeFound(pathText(path), value, [/^/]);
    faults.push({ path, found: `${shown} with ${fault?.found ?? ''}`, expected: fault?.expected ?? '' });
    return [];
  };
  const nodes = (keys: readonly string[]): Located[] =>
    listAt(entries, ...keys).flatMap((node, index) => read(['entries', ...keys, index], node, false));
  const servers = [
    ...read(['entries', 'url'], entries['url'], true),
    ...read(['entries', 'sentinels', 'url'], valueAt(entries, 'sentinels', 'url'), true),
    ...nodes(['cluster']),
  ];
  return { servers, sentinels: nodes(['sentinels', 'nodes']), faults };
}

function caFaults(entries: Record<string, unknown>): CrossFault[] {
  const ca = valueAt(entries, 'tls', 'ca');
  if (typeof ca !== 'string' || ca === '') return [];
  const fault = pemFault(ca);
  if (fault === null) return [];
  const path = ['entries', 'tls', 'ca'];
  return [{ path, found: `${JSON.stringify(ca)}, ${fault.found}`, expected: fault.expected }];
}

function relationFaults(entries: Record<string, unknown>, { servers, sentinels }: Addresses): CrossFault[] {
  return [
    ...conflicts(entries, servers),
    ...userFaults(entries, servers),
    ...tlsFaults(entries, servers, sentinels),
    ...nodeFaults(listAt(entries, 'cluster').length > 0 ? servers : []),
    ...nodeFaults(sentinels),
    ...databaseFaults(entries, servers, sentinels),
  ];
}

function conflicts(entries: Record<string, unknown>, servers: readonly Located[]): CrossFault[] {
  return servers.flatMap(({ path, address }) =>
    (['username', 'password', 'db'] as const).flatMap((key): CrossFault[] => {
      const said = address[key];
      const beside = entries[key] ?? undefined;
      if (said === undefined || beside === undefined || said === beside) return [];
      const where = pathText(path);
      return [{ path: ['entries', key], expected: `it here or in ${where}, not another one in each` }];
    }),
  );
}

/** Redis takes a password without a user, which is the default one's, and no user without a password. */
function userFaults(entries: Record<string, unknown>, servers: readonly Located[]): CrossFault[] {
  const named = servers.find(({ address }) => address.username !== undefined);
  const username = entries['username'] ?? named?.address.username;
  const known = servers.some(({ address }) => address.password !== undefined);
  if (typeof username !== 'string' || typeof entries['password'] === 'string' || known) return [];
  const path = named === undefined ? ['entries', 'username'] : named.path;
  return [{ path, found: 'a user without a password', expected: 'entries.password beside it' }];
}

function tlsFaults(
  entries: Record<string, unknown>,
  servers: readonly Located[],
  sentinels: readonly Located[],
): CrossFault[] {
  if (typeof valueAt(entries, 'tls', 'ca') !== 'string') return [];
  const url =
    entries['url'] === undefined && entries['sentinels'] === undefined && entries['cluster'] === undefined;
  if (url)
    return [
      {
        path: ['entries', 'url'],
        expected: 'an address that begins with rediss://, since entries.tls.ca is for TLS',
      },
    ];
  const plain = servers.find(({ address }) => address.tls === false);
  if (plain === undefined) return [];
  const remedy =
    sentinels.length > 0 || plain.path.includes('cluster') ? 'rediss://, or host:port' : 'rediss://';
  return [
    {
      path: plain.path,
      found: 'an address that begins with redis://, so without TLS',
      expected: `${remedy}, since entries.tls.ca is for TLS`,
    },
  ];
}

/** What one node says of credentials and TLS is so for all: a node that says something else would not be heard. */
function nodeFaults(nodes: readonly Located[]): CrossFault[] {
  return (['username', 'password', 'tls'] as const).flatMap((key) => {
    const [first, ...others] = nodes.filter(({ address }) => address[key] !== undefined);
    if (first === undefined) return [];
    return others
      .filter(({ address }) => address[key] !== first.address[key])
      .map(({ path }) => ({
        path,
        found: key === 'tls' ? 'another scheme' : `another ${key}`,
        expected: `that of ${pathText(first.path)}: nodes share credentials and TLS`,
      }));
  });
}

function databaseFaults(
  entries: Record<string, unknown>,
  servers: readonly Located[],
  sentinels: readonly Located[],
): CrossFault[] {
  const faults: CrossFault[] = sentinels
    .filter(({ address }) => address.db !== undefined)
    .map(({ path }) => ({
      path,
      found: 'the number of a database',
      expected: 'none: it is that of the servers, entries.db',
    }));
  if (listAt(entries, 'cluster').length === 0) return faults;
  const expected = 'database 0, the only one of a cluster';
  if (typeof entries['db'] === 'number' && entries['db'] !== 0)
    faults.push({ path: ['entries', 'db'], expected });
  for (const { path, address } of servers)
    if ((address.db ?? 0) !== 0) faults.push({ path, found: 'the number of a database', expected });
  return faults;
}
