import { checkPattern, checkPrefix } from '@cloud-mirror/origin';
import {
  describeFound,
  parseUrl,
  pathText,
  pemFault,
  isMapping,
  listAt,
  valueAt,
} from '@cloud-mirror/config';
import type { KeyPath } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';
import { backendsOf, configuredServices } from './configured-services.ts';
import { listenerFaults } from './listener-rules.ts';
import { redisFaults } from './redis-rules.ts';
import { proxyFaults } from './sources-proxy.ts';
import { stateFaults } from './state-rules.ts';
import { STORE_KINDS } from './store-kinds.ts';
import { timeLimitFaults } from './time-rules.ts';
import { queueName } from './queue-name.ts';

/** A name becomes a path segment of URLs, a folder name and a component of queue names. */
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Means every service or region in operators' calls. */
const RESERVED_NAME = 'all';

/**
 * Checks the rules that involve several keys. The shape of `config` is not validated yet, so a rule ignores keys whose
 * values have the wrong type: the schema reports those.
 */
export function findCrossFaults(config: unknown): CrossFault[] {
  return [
    ...timeLimitFaults(config),
    ...tokenFaults(config),
    ...ruleFaults(config),
    ...proxyFaults(config),
    ...authorityFaults(config),
    ...redisFaults(config),
    ...nameFaults(config),
    ...queueNameFaults(config),
    ...STORE_KINDS.flatMap((kind) => kind.faults(configuredServices(config))),
    ...listenerFaults(config),
    ...serveFaults(config),
    ...stateFaults(config),
  ];
}

function tokenFaults(config: unknown): CrossFault[] {
  const tokens = listAt(config, 'admin', 'tokens');
  return (['name', 'sha256'] as const).flatMap((key) =>
    repeated(tokens.map((token) => valueAt(token, key))).map((index) => ({
      path: ['admin', 'tokens', index, key],
      expected: `a unique ${key}: an earlier token has the same one`,
    })),
  );
}

function authorityFaults(config: unknown): CrossFault[] {
  const ca = valueAt(config, 'sources', 'ca');
  const fault = typeof ca === 'string' && ca !== '' ? pemFault(ca) : null;
  if (fault === null) return [];
  const found = `${JSON.stringify(ca)}, ${fault.found}`;
  return [{ path: ['sources', 'ca'], found, expected: fault.expected }];
}

function ruleFaults(config: unknown): CrossFault[] {
  const requireTls = valueAt(config, 'sources', 'requireTls') !== false;
  return listAt(config, 'sources', 'allow').flatMap((rule, index) => {
    if (!isMapping(rule)) return [];
    const path = ['sources', 'allow', index];
    const { prefix, pattern } = rule;
    if ((prefix === undefined) === (pattern === undefined)) {
      const found = prefix === undefined ? 'neither prefix nor pattern' : 'both prefix and pattern';
      return [{ path, found, expected: 'exactly one of prefix and pattern' }];
    }
    const needsTls = rule['tls'] === 'required' || (requireTls && rule['tls'] !== 'optional');
    if (typeof prefix === 'string') return prefixFaults([...path, 'prefix'], prefix, needsTls);
    if (typeof pattern === 'string') return patternFaults([...path, 'pattern'], pattern, needsTls);
    return [];
  });
}

const TLS_REMEDY =
  'https://, or tls: optional in the same entry: an entry that requires TLS never matches an http:// URL';

function prefixFaults(path: KeyPath, prefix: string, needsTls: boolean): CrossFault[] {
  const fault = checkPrefix(prefix);
  if (fault !== null) {
    const found = `${describeFound(pathText(path), prefix)}, which ${fault}`;
    return [
      {
        path,
        found,
        expected: 'scheme, host and the beginning of a path, such as https://artifacts.example.com/builds/',
      },
    ];
  }
  return parseUrl(prefix)?.protocol === 'http:' && needsTls ? [{ path, expected: TLS_REMEDY }] : [];
}

function patternFaults(path: KeyPath, pattern: string, needsTls: boolean): CrossFault[] {
  const fault = checkPattern(pattern);
  if (fault !== null) {
    const found = `${describeFound(pathText(path), pattern)}, which ${fault}`;
    return [{ path, found, expected: 'a regular expression such as ^https://[a-z0-9-]+\\.example\\.com/' }];
  }
  return pattern.startsWith('^http:') && needsTls ? [{ path, expected: TLS_REMEDY }] : [];
}

function nameFaults(config: unknown): CrossFault[] {
  const services = valueAt(config, 'services');
  if (!isMapping(services)) return [];
  const faults: CrossFault[] = [];
  if (Object.keys(services).length === 0)
    faults.push({ path: ['services'], found: 'an empty mapping', expected: 'at least one service' });
  for (const [service, value] of Object.entries(services)) {
    faults.push(...nameFault(['services', service], service));
    const regions = valueAt(value, 'regions');
    if (!isMapping(regions)) continue;
    const path = ['services', service, 'regions'];
    if (Object.keys(regions).length === 0)
      faults.push({ path, found: 'an empty mapping', expected: 'at least one region' });
    for (const region of Object.keys(regions)) faults.push(...nameFault([...path, region], region));
  }
  return faults;
}

function nameFault(path: KeyPath, name: string): CrossFault[] {
  const found = `the name ${JSON.stringify(name)}`;
  if (name === RESERVED_NAME)
    return [{ path, found, expected: `another name: "${RESERVED_NAME}" is reserved for operators' calls` }];
  if (NAME_PATTERN.test(name)) return [];
  const expected =
    'a name of at most 63 letters, digits, dots, dashes and underscores that begins with a letter or digit';
  return [{ path, found, expected }];
}

/**
 * Up to 80 letters, digits, hyphens and underscores.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
 */
const SQS_NAME = /^[A-Za-z0-9_-]{1,80}$/;

function queueNameFaults(config: unknown): CrossFault[] {
  const template = valueAt(config, 'queue', 'name');
  const suffix = valueAt(config, 'queue', 'deadLetterSuffix');
  if (valueAt(config, 'queue', 'kind') !== 'sqs') return [];
  if (typeof template !== 'string' || typeof suffix !== 'string') return [];
  const path = ['queue', 'name'];
  const owners = new Map<string, string>();
  const faults: CrossFault[] = [];
  for (const { service, region } of backendsOf(config)) {
    // `nameFaults` reports invalid names.
    if (!NAME_PATTERN.test(service) || !NAME_PATTERN.test(region)) continue;
    const backend = `${service}/${region}`;
    const queue = queueName(template, service, region);
    const both = [queue, `${queue}${suffix}`];
    const refused = both.find((name) => !SQS_NAME.test(name));
    const doubled = both.find((name) => owners.has(name));
    if (refused !== undefined)
      faults.push({
        path,
        found: `${JSON.stringify(refused)} for ${backend}`,
        expected: 'a queue name that SQS accepts: at most 80 letters, digits, dashes and underscores',
      });
    else if (doubled !== undefined)
      faults.push({
        path,
        found: `${JSON.stringify(doubled)} for ${backend}`,
        expected: `a queue of its own, but ${owners.get(doubled) ?? ''} uses this name: put {service} and {region} in queue.name`,
      });
    for (const name of both) owners.set(name, backend);
  }
  return faults;
}

function serveFaults(config: unknown): CrossFault[] {
  const known = backendsOf(config).map(({ service, region }) => `${service}/${region}`);
  const serves = listAt(config, 'copier', 'serves');
  const unknown = serves.flatMap((name, index) =>
    typeof name !== 'string' || known.includes(name)
      ? []
      : [
          {
            path: ['copier', 'serves', index],
            expected: `a back end that services defines: ${known.join(', ') || 'there is none'}`,
          },
        ],
  );
  const doubled = repeated(serves).map((index) => ({
    path: ['copier', 'serves', index],
    expected: 'each back end only once',
  }));
  return [...unknown, ...doubled];
}

/** Indexes of the strings that occur earlier in the list. */
function repeated(values: readonly unknown[]): number[] {
  return values.flatMap((value, index) =>
    typeof value === 'string' && values.indexOf(value) < index ? [index] : [],
  );
}
