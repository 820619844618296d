import { z } from 'zod';
import {
  flag,
  httpUrl,
  oneOf,
  seconds,
  section,
  strictMapping,
  text,
  timeLimitMs,
  wholeNumber,
} from '@cloud-mirror/config';
import { REGIONS_EXPECTED } from '@cloud-mirror/storage-provider';

/** Wider than the rules of S3, because other stores allow more. No slash: a path is not a bucket. */
const bucket = () => text('the name of a bucket', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/);
const awsRegion = () => text('the name of a region, such as us-east-1', /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/);
const access = () => oneOf(['public', 'signed']);
const keys = () => oneOf(['url', 'hashed']);

/** Limits on new copies, of a service or a region. */
const budgets = () =>
  section({
    copiesPerMinute: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'copies').nullable().default(null),
    bytesPerDay: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes').nullable().default(null),
    bytesStored: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes').nullable().default(null),
  });

/** Features of S3 that need request headers. Clients that follow a redirect do not send them, so these cannot work. */
const UNSUPPORTED: readonly { readonly key: RegExp; readonly advice: string }[] = [
  {
    key: /^request(?:er)?[-_]?pa(?:ys?|yer|id)$/i,
    advice:
      'no such key: requester pays is not supported, because a client that follows a redirect cannot agree to pay; use a bucket whose owner pays',
  },
  {
    key: /^(?:sse[-_]?c$|sse[-_]?customer|.*customerKey|.*customerAlgorithm)/i,
    advice:
      'no such key: customer-provided encryption keys (SSE-C) are not supported, because clients do not have the key; use the default encryption of the bucket (SSE-S3 or SSE-KMS)',
  },
];

const unsupported = (key: string): string | null =>
  UNSUPPORTED.find(({ key: pattern }) => pattern.test(key))?.advice ?? null;

/** Credentials that sign requests and URLs. s3-rules.ts checks that they are either a key pair or a profile. */
const credentials = () =>
  strictMapping({
    accessKeyId: text('an access key', /./).optional(),
    secretAccessKey: text('a secret key', /./).optional(),
    /** Only for temporary credentials. */
    sessionToken: text('a session token', /./).nullable().optional(),
    /** A profile in the shared AWS credentials and configuration files. */
    profile: text('the name of a profile', /./).optional(),
  });

const s3RegionSchema = strictMapping(
  {
    bucket: bucket(),
    endpoint: httpUrl().nullable().default(null),
    /** The AWS region of requests and signatures. Default: the name of this region. */
    region: awsRegion().optional(),
    forcePathStyle: flag().default(false),
    checksums: oneOf(['when_supported', 'when_required']).default('when_supported'),
    /** The URL below which clients read the objects, such as a CDN; null for the bucket's own URL. */
    publicUrl: httpUrl().nullable().default(null),
    // These three override the settings of the service.
    access: access().optional(),
    keys: keys().optional(),
    credentials: credentials().nullable().default(null),
    /** In addition to those of the service. */
    budgets: budgets(),
  },
  undefined,
  unsupported,
);

const MEBIBYTE = 1024 ** 2;

/** A service of kind `s3`. */
export const s3ServiceSchema = strictMapping(
  {
    kind: z.literal('s3'),
    access: access().default('public'),
    /** `url`: keys are URLs. `hashed`: keys contain the SHA-256 of the URL, for stores that refuse keys with `//`. */
    keys: keys().default('url'),
    /** null for the SDK's default credential chain. */
    credentials: credentials().nullable().default(null),
    signedUrlSeconds: seconds(1).default(60),
    lifespanDays: wholeNumber(1, 36_500, 'days').default(1),
    create: flag().default(false),
    partBytes: wholeNumber(5 * MEBIBYTE, 5120 * MEBIBYTE, 'bytes').default(8 * MEBIBYTE),
    partsInFlight: wholeNumber(1, 100).default(4),
    requestTimeoutMs: timeLimitMs().default(30_000),
    budgets: budgets(),
    regions: z.record(z.string(), s3RegionSchema, { error: REGIONS_EXPECTED }),
  },
  undefined,
  unsupported,
);

export type S3Service = z.output<typeof s3ServiceSchema>;
export type S3Region = S3Service['regions'][string];
