import { isMapping, parseUrl, valueAt } from '@cloud-mirror/config';
import type { ConfiguredServices, StoreFault, StoreWarning } from '@cloud-mirror/storage-provider';
import type { S3Service } from './s3-schema.ts';

type Path = StoreFault['path'];

/** Checks the buckets and credentials of S3 services and of each of their regions. */
export function s3Faults({ services, regions }: ConfiguredServices): StoreFault[] {
  const ownRegions = regions.filter(({ settings }) => valueAt(settings, 'kind') === 's3');
  const mappings = [
    ...services
      .filter(({ settings }) => valueAt(settings, 'kind') === 's3')
      .map(({ service, settings }) => ({ path: ['services', service], value: settings })),
    ...ownRegions.map(({ service, region, settings }) => ({
      path: ['services', service, 'regions', region],
      value: valueAt(settings, 'regions', region),
    })),
  ];
  return [
    ...bucketFaults(ownRegions),
    ...mappings.flatMap(({ path, value }) => [
      ...bucketKindFaults(path, value),
      ...credentialFaults([...path, 'credentials'], valueAt(value, 'credentials')),
    ]),
  ];
}

/** Back ends that share a bucket would mistake each other's copies and purge markers for their own. */
function bucketFaults(regions: ConfiguredServices['regions']): StoreFault[] {
  const owners = new Map<string, string>();
  const faults: StoreFault[] = [];
  for (const { service, region, settings } of regions) {
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

/**
 * Unsupported kinds of buckets, recognized by their names, and what they lack.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
const BUCKET_KINDS: readonly { readonly name: RegExp; readonly found: string; readonly lacks: string }[] = [
  {
    name: /--x-s3$/,
    found: 'a directory bucket',
    lacks: 'directory buckets support neither public reads nor ordinary signed URLs',
  },
  { name: /--table-s3$/, found: 'a table bucket', lacks: 'table buckets store tables, not objects' },
  {
    name: /--ol-s3$/,
    found: 'an Object Lambda access point',
    lacks: 'Object Lambda access points accept no uploads',
  },
  {
    name: /\.mrap$/,
    found: 'a multi-region access point',
    lacks: 'each region needs a bucket of its own',
  },
  {
    name: /^arn:/,
    found: 'an ARN',
    lacks: 'access points have no lifecycle rules and no public URLs',
  },
];

function bucketKindFaults(path: Path, region: unknown): StoreFault[] {
  const bucket = valueAt(region, 'bucket');
  if (typeof bucket !== 'string') return [];
  return BUCKET_KINDS.filter(({ name }) => name.test(bucket)).map(({ found, lacks }) => ({
    path: [...path, 'bucket'],
    found: `${found}, ${JSON.stringify(bucket)}`,
    expected: `the name of a general purpose bucket: ${lacks}`,
  }));
}

function credentialFaults(path: Path, value: unknown): StoreFault[] {
  if (!isMapping(value)) return [];
  const given = Object.keys(value).filter((key) => value[key] !== null && value[key] !== '');
  const has = (key: string): boolean => given.includes(key);
  const expected = 'either accessKeyId and secretAccessKey (and sessionToken), or profile';
  const pair = has('accessKeyId') && has('secretAccessKey');
  const keys = has('accessKeyId') || has('secretAccessKey') || has('sessionToken');
  if (has('profile') ? !keys : pair) return [];
  return [{ path, found: given.length === 0 ? 'neither' : given.join(' and '), expected }];
}

/**
 * The default duration of a role session: AssumeRole, web identities and containers.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html
 */
const SESSION_SECONDS = 3_600;

/** S3 rejects a signed URL once the credentials that signed it have expired. */
export function signedLifeWarnings(name: string, service: S3Service): StoreWarning[] {
  const { signedUrlSeconds } = service;
  if (signedUrlSeconds <= SESSION_SECONDS) return [];
  const regions = Object.entries(service.regions)
    .filter(([, region]) => (region.access ?? service.access) === 'signed')
    .filter(([, region]) => mayBeTemporary(region.credentials ?? service.credentials))
    .map(([region]) => region);
  if (regions.length === 0) return [];
  return [
    {
      path: `services.${name}.signedUrlSeconds`,
      message:
        `signed URLs of ${regions.join(', ')} may expire before ${signedUrlSeconds} s: they are valid no longer than ` +
        `the credentials that sign them, and a role's credentials usually expire after ${SESSION_SECONDS} s; ` +
        `use at most ${SESSION_SECONDS}, or credentials with an accessKeyId and no sessionToken`,
    },
  ];
}

function mayBeTemporary(credentials: S3Service['credentials']): boolean {
  if (credentials === null || credentials.profile !== undefined) return true;
  return credentials.sessionToken !== undefined && credentials.sessionToken !== null;
}
