import type { KeyPath } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';
import { backendsOf, isMapping, valueAt } from './config-values.ts';

/** Checks the buckets and credentials of S3 services. */
export function storeFaults(config: unknown): CrossFault[] {
  return s3Mappings(config).flatMap(({ path, value }) => [
    ...bucketKindFaults(path, value),
    ...credentialFaults([...path, 'credentials'], valueAt(value, 'credentials')),
  ]);
}

/** Every S3 service and each of its regions. */
function s3Mappings(config: unknown): { readonly path: KeyPath; readonly value: unknown }[] {
  const services = valueAt(config, 'services');
  if (!isMapping(services)) return [];
  const regions = backendsOf(config)
    .filter(({ settings }) => valueAt(settings, 'kind') === 's3')
    .map(({ service, region, settings }) => ({
      path: ['services', service, 'regions', region],
      value: valueAt(settings, 'regions', region),
    }));
  const all = Object.entries(services)
    .filter(([, settings]) => valueAt(settings, 'kind') === 's3')
    .map(([service, value]) => ({ path: ['services', service], value }));
  return [...all, ...regions];
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

function bucketKindFaults(path: KeyPath, region: unknown): CrossFault[] {
  const bucket = valueAt(region, 'bucket');
  if (typeof bucket !== 'string') return [];
  return BUCKET_KINDS.filter(({ name }) => name.test(bucket)).map(({ found, lacks }) => ({
    path: [...path, 'bucket'],
    found: `${found}, ${JSON.stringify(bucket)}`,
    expected: `the name of a general purpose bucket: ${lacks}`,
  }));
}

function credentialFaults(path: KeyPath, value: unknown): CrossFault[] {
  if (!isMapping(value)) return [];
  const given = Object.keys(value).filter((key) => value[key] !== null && value[key] !== '');
  const has = (key: string): boolean => given.includes(key);
  const expected = 'either accessKeyId and secretAccessKey (and sessionToken), or profile';
  const pair = has('accessKeyId') && has('secretAccessKey');
  const keys = has('accessKeyId') || has('secretAccessKey') || has('sessionToken');
  if (has('profile') ? !keys : pair) return [];
  return [{ path, found: given.length === 0 ? 'neither' : given.join(' and '), expected }];
}
