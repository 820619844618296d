import { resolve, sep } from 'node:path';
import type { CrossFault } from './cross-fault.ts';
import { backendsOf, isMapping, valueAt } from './config-values.ts';
import { parseUrl } from '@cloud-mirror/config';

/**
 * Checks that back ends share no bucket or folder, where each would mistake the other's copies and purge markers for its
 * own, and that servers share no TCP port.
 */
export function placeFaults(config: unknown): CrossFault[] {
  return [...directoryFaults(config), ...bucketFaults(config), ...listenerFaults(config)];
}

function bucketFaults(config: unknown): CrossFault[] {
  const owners = new Map<string, string>();
  const faults: CrossFault[] = [];
  for (const { service, region, settings } of backendsOf(config)) {
    if (valueAt(settings, 'kind') !== 's3') continue;
    const bucket = valueAt(settings, 'regions', region, 'bucket');
    if (typeof bucket !== 'string') continue;
    const place = `${storeOf(valueAt(settings, 'regions', region, 'endpoint'))} ${bucket}`;
    const owner = owners.get(place);
    if (owner !== undefined)
      faults.push({
        path: ['services', service, 'regions', region, 'bucket'],
        expected: `a bucket of its own: ${owner} uses this one, and each would mistake the other's copies for its own`,
      });
    else owners.set(place, `${service}/${region}`);
  }
  return faults;
}

/**
 * Identifies the store behind an endpoint. On AWS a bucket name is unique across all regions
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html); elsewhere each address is another store.
 */
function storeOf(endpoint: unknown): string {
  if (typeof endpoint !== 'string') return 'aws';
  const url = parseUrl(endpoint);
  if (url === null) return endpoint;
  if (/(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(url.hostname)) return 'aws';
  const host = isLoopback(url.hostname) ? 'loopback' : url.hostname;
  return `${host}:${url.port === '' ? url.protocol : url.port}${url.pathname.replace(/\/+$/, '')}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}

/** The standalone program listens on both ports. */
function listenerFaults(config: unknown): CrossFault[] {
  const sample = valueAt(config, 'sampleOrigin');
  const server = valueAt(config, 'server');
  if (!isMapping(sample) || !isMapping(server)) return [];
  const { port } = sample;
  if (typeof port !== 'number' || port === 0 || port !== server['port']) return [];
  if (sample['host'] !== server['host'] && server['host'] !== '0.0.0.0' && server['host'] !== '::') return [];
  return [
    {
      path: ['sampleOrigin', 'port'],
      expected: `another port than server.port (${port}), since the standalone program listens on both`,
    },
  ];
}

function directoryFaults(config: unknown): CrossFault[] {
  const seen: { readonly folder: string; readonly backend: string }[] = [];
  const faults: CrossFault[] = [];
  for (const { service, region, settings } of backendsOf(config)) {
    const directory = valueAt(settings, 'directory');
    if (typeof directory !== 'string') continue;
    const folder = resolve(directory, region) + sep;
    const other = seen.find((one) => folder.startsWith(one.folder) || one.folder.startsWith(folder));
    if (other !== undefined)
      faults.push({
        path: ['services', service, 'directory'],
        found: JSON.stringify(directory),
        expected: `a folder of its own: not the folder of ${other.backend}, nor one inside or around it`,
      });
    seen.push({ folder, backend: `${service}/${region}` });
  }
  return faults;
}
