import { resolve, sep } from 'node:path';
import type { CrossFault } from './cross-fault.ts';
import { backendsOf, isMapping, valueAt } from './config-values.ts';
import { parseUrl } from '@cloud-mirror/config';

/** Two back ends in one place take each other's copies and purge markers for their own; two servers on one port do not start. */
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
        expected: `another bucket than ${owner} has: two back ends in one bucket take each other's copies for their own`,
      });
    else owners.set(place, `${service}/${region}`);
  }
  return faults;
}

/**
 * Which store an endpoint leads to. On AWS a bucket's name stands for one bucket in all regions
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html); elsewhere each address is a store of its own.
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

/** The standalone program listens on both. */
function listenerFaults(config: unknown): CrossFault[] {
  const sample = valueAt(config, 'sampleOrigin');
  const server = valueAt(config, 'server');
  if (!isMapping(sample) || !isMapping(server)) return [];
  const { port } = sample;
  if (typeof port !== 'number' || port === 0 || port !== server['port']) return [];
  if (sample['host'] !== server['host'] && server['host'] !== '0.0.0.0' && server['host'] !== '::') return [];
  return [{ path: ['sampleOrigin', 'port'], expected: `another port than server.port (${port})` }];
}

/** Two stores in one folder would take each other's files for their own. */
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
        expected: `a folder that is not the one of ${other.backend}, nor above or below it`,
      });
    seen.push({ folder, backend: `${service}/${region}` });
  }
  return faults;
}
