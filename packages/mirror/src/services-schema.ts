import { z } from 'zod';
import {
  flag,
  httpUrl,
  oneOf,
  section,
  seconds,
  strictMapping,
  text,
  timeLimitMs,
  wholeNumber,
} from '@cloud-mirror/config';

/** Bucket names of S3, and the wider ones of other stores; a path would be a misunderstanding. */
const bucket = () => text('the name of a bucket', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/);
const awsRegion = () => text('the name of a region, us-east-1 say', /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/);
const access = () => oneOf(['public', 'signed']);
const keys = () => oneOf(['url', 'hashed']);

const s3RegionSchema = strictMapping({
  bucket: bucket(),
  endpoint: httpUrl().nullable().default(null),
  /** Region of requests and signatures; the region's own name where it is left out. */
  region: awsRegion().optional(),
  forcePathStyle: flag().default(false),
  checksums: oneOf(['when_supported', 'when_required']).default('when_supported'),
  /** Address below which clients read the objects; the bucket's own where it is left out. */
  publicUrl: httpUrl().nullable().default(null),
  /** Overrides the service's. */
  access: access().optional(),
  /** Overrides the service's. */
  keys: keys().optional(),
});

const REGIONS = 'a mapping of at least one region';
const MEBIBYTE = 1024 ** 2;

const s3ServiceSchema = strictMapping({
  kind: z.literal('s3'),
  access: access().default('public'),
  /** `url`: keys are made from URLs. `hashed`: from their SHA-256, for stores that refuse keys with `//`. */
  keys: keys().default('url'),
  signedUrlSeconds: seconds(1).default(60),
  lifespanDays: wholeNumber(1, 36_500, 'days').default(1),
  create: flag().default(false),
  partBytes: wholeNumber(5 * MEBIBYTE, 5120 * MEBIBYTE, 'bytes').default(8 * MEBIBYTE),
  partsInFlight: wholeNumber(1, 100).default(4),
  requestTimeoutMs: timeLimitMs().default(30_000),
  regions: z.record(z.string(), s3RegionSchema, { error: REGIONS }),
});

const filesystemServiceSchema = strictMapping({
  kind: z.literal('filesystem'),
  directory: text('a folder', /^[^\0]+$/).default('data/objects'),
  maxBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER, 'bytes').default(10_737_418_240),
  regions: z.record(z.string(), section({}), { error: REGIONS }),
});

const serviceSchema = z.discriminatedUnion('kind', [s3ServiceSchema, filesystemServiceSchema], {
  error: (issue) => (issue.code === 'invalid_union' ? 's3 or filesystem' : 'a mapping with kind and regions'),
});

export const servicesSchema = z.record(z.string(), serviceSchema, {
  error: 'a mapping of at least one service',
});
