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

/** Features of S3 that have keys elsewhere. Clients follow redirects without any header of ours, so these cannot work. */
const UNSUPPORTED: readonly { readonly key: RegExp; readonly advice: string }[] = [
  {
    key: /^request(?:er)?[-_]?pa(?:ys?|yer|id)$/i,
    advice:
      'no such key: requester pays is not supported, since a client that follows a redirect does not agree to pay; use a bucket whose owner pays',
  },
  {
    key: /^(?:sse[-_]?c$|sse[-_]?customer|.*customerKey|.*customerAlgorithm)/i,
    advice:
      'no such key: encryption with a key of the customer (SSE-C) is not supported, since clients do not have the key; use the default encryption of the bucket (SSE-S3 or SSE-KMS)',
  },
];

const unsupported = (key: string): string | null =>
  UNSUPPORTED.find(({ key: pattern }) => pattern.test(key))?.advice ?? null;

/** What signs requests and addresses. Either a key with its secret, or a profile; store-rules.ts has the rule. */
const credentials = () =>
  strictMapping({
    accessKeyId: text('an access key', /./).optional(),
    secretAccessKey: text('a secret key', /./).optional(),
    /** Of temporary credentials. */
    sessionToken: text('a session token', /./).nullable().optional(),
    /** Of the shared credentials and configuration files. */
    profile: text('the name of a profile', /./).optional(),
  });

const s3RegionSchema = strictMapping(
  {
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
    /** Overrides the service's; null: the service's. */
    credentials: credentials().nullable().default(null),
  },
  undefined,
  unsupported,
);

const REGIONS = 'a mapping of at least one region';
const MEBIBYTE = 1024 ** 2;

const s3ServiceSchema = strictMapping(
  {
    kind: z.literal('s3'),
    access: access().default('public'),
    /** `url`: keys are made from URLs. `hashed`: from their SHA-256, for stores that refuse keys with `//`. */
    keys: keys().default('url'),
    /** null: the SDK's own chain. */
    credentials: credentials().nullable().default(null),
    signedUrlSeconds: seconds(1).default(60),
    lifespanDays: wholeNumber(1, 36_500, 'days').default(1),
    create: flag().default(false),
    partBytes: wholeNumber(5 * MEBIBYTE, 5120 * MEBIBYTE, 'bytes').default(8 * MEBIBYTE),
    partsInFlight: wholeNumber(1, 100).default(4),
    requestTimeoutMs: timeLimitMs().default(30_000),
    regions: z.record(z.string(), s3RegionSchema, { error: REGIONS }),
  },
  undefined,
  unsupported,
);

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
