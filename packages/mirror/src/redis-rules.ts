import { parseRedisAddress, type RedisAddress } from '@cloud-mirror/redis';
import { describeFound, pathText, pemFault, isMapping, listAt, valueAt } from '@cloud-mirror/config';
import type { KeyPath } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';

/**
 * Checks the keys that say how to reach Redis: one of three kinds of addresses, and separate keys for credentials,
 * database and TLS. Two different values for one setting are a fault, because one of them would be ignored. No fault
 * quotes an address, since a malformed one may contain a password anywhere.
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

/** The addresses in an `entries` section. */
interface Addresses {
  /** Redis servers: `url`, `sentinels.url`, or the nodes of a cluster. */
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
    // A malformed address may contain a password anywhere, so only its length is shown.
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
      const inAddress = address[key];
      const inKey = entries[key] ?? undefined;
      if (inAddress === undefined || inKey === undefined || inAddress === inKey) return [];
      const where = pathText(path);
      return [{ path: ['entries', key], expected: `the same ${key} as in ${where}, or only one of the two` }];
    }),
  );
}

/** Redis accepts a password without a user name (for the default user), but no user name without a password. */
function userFaults(entries: Record<string, unknown>, servers: readonly Located[]): CrossFault[] {
  const named = servers.find(({ address }) => address.username !== undefined);
  const username = entries['username'] ?? named?.address.username;
  const known = servers.some(({ address }) => address.password !== undefined);
  if (typeof username !== 'string' || typeof entries['password'] === 'string' || known) return [];
  const path = named === undefined ? ['entries', 'username'] : named.path;
  return [{ path, found: 'a user without a password', expected: 'a password in entries.password as well' }];
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
        expected: 'an address that begins with rediss://, because entries.tls.ca is set',
      },
    ];
  const plain = servers.find(({ address }) => address.tls === false);
  if (plain === undefined) return [];
  const remedy =
    sentinels.length > 0 || plain.path.includes('cluster') ? 'rediss://, or host:port' : 'rediss://';
  return [
    {
      path: plain.path,
      found: 'an address that begins with redis:// and so does not use TLS',
      expected: `${remedy}, because entries.tls.ca is set`,
    },
  ];
}

/** Credentials and TLS apply to all nodes, so different values for one node would be ignored. */
function nodeFaults(nodes: readonly Located[]): CrossFault[] {
  return (['username', 'password', 'tls'] as const).flatMap((key) => {
    const [first, ...others] = nodes.filter(({ address }) => address[key] !== undefined);
    if (first === undefined) return [];
    return others
      .filter(({ address }) => address[key] !== first.address[key])
      .map(({ path }) => ({
        path,
        found: key === 'tls' ? 'a different scheme' : `a different ${key}`,
        expected: `the one of ${pathText(first.path)}: all nodes share credentials and TLS`,
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
      found: 'a database number',
      expected: 'no database number: sentinels have none; set entries.db',
    }));
  if (listAt(entries, 'cluster').length === 0) return faults;
  const expected = 'database 0, the only one that a cluster has';
  if (typeof entries['db'] === 'number' && entries['db'] !== 0)
    faults.push({ path: ['entries', 'db'], expected });
  for (const { path, address } of servers)
    if ((address.db ?? 0) !== 0) faults.push({ path, found: 'a database number', expected });
  return faults;
}
