import { z } from 'zod';
import { flag, httpUrl, listOf, oneOf, seconds, strictMapping, text } from '@cloud-mirror/config';

/*
 * A route as it is written in JSON. The message of each check says what is expected.
 */

/** The longest life of a signature: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
const LONGEST_LIFE_SECONDS = 604_800;

/** As wide as the rules of the back ends in the configuration file, because stores beside S3 allow more names than S3. */
const bucket = () => text('the name of a bucket', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/);
const region = () => text('the name of a region, such as us-east-1', /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/);
const keyPrefix = () =>
  z
    .string({ error: 'text that stands before each key' })
    .max(1024, { error: 'at most 1024 characters' })
    .refine((value) => value.isWellFormed() && !value.includes('\0') && !hasDotSegments(value), {
      error: 'text without NUL and without the segments . and ..',
    });
const credential = (expected: string) => text(expected, /^[\x21-\x7e•]{1,4096}$/);
const tokenNames = () =>
  listOf(
    text('the name of a token', /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
    'a list of at least one name of a token',
    1,
  );

const rules = {
  signedSeconds: seconds(1, LONGEST_LIFE_SECONDS).optional(),
  write: oneOf(['always', 'once', 'never']).optional(),
  list: flag().optional(),
  read: tokenNames().optional(),
  writeTokens: tokenNames().optional(),
  mirror: text('the name of a service', /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/).optional(),
};

const target = {
  bucket: bucket(),
  region: region().optional(),
  endpoint: httpUrl().optional(),
  forcePathStyle: flag().optional(),
  prefix: keyPrefix().optional(),
};

const store = () =>
  text('a back end of the configuration file, as service/region', /^[^/\s]{1,63}\/[^/\s]{1,63}$/);

/** A route with its credentials in clear, as clients send it. */
export const sentRouteSchema = exactlyOneTarget(
  strictMapping({
    s3: strictMapping({
      ...target,
      access: credential('an access key').optional(),
      secret: credential('a secret key').optional(),
      token: credential('a session token').optional(),
    }).optional(),
    store: store().optional(),
    prefix: keyPrefix().optional(),
    ...rules,
  }),
);

/** A route as it is stored: with its credentials sealed. */
export const storedRouteSchema = exactlyOneTarget(
  strictMapping({
    s3: strictMapping({ ...target, credentials: z.string().optional() }).optional(),
    store: store().optional(),
    prefix: keyPrefix().optional(),
    ...rules,
  }),
);

export type SentRoute = z.output<typeof sentRouteSchema>;
export type StoredRoute = z.output<typeof storedRouteSchema>;

type BucketSettings = Omit<NonNullable<StoredRoute['s3']>, 'credentials'>;
/** A route without its credentials. */
export type RouteSettings = Omit<StoredRoute, 's3'> & { readonly s3?: BucketSettings | undefined };

function exactlyOneTarget<Schema extends z.ZodType<{ s3?: unknown; store?: unknown; prefix?: unknown }>>(
  schema: Schema,
): Schema {
  return schema.superRefine(({ s3, store: named, prefix }, context) => {
    const fault = (path: string[], message: string, found?: string): void =>
      context.addIssue({ code: 'custom', path, message, params: { found } });
    if (s3 === undefined && named === undefined) fault([], 's3 or store', 'neither');
    if (s3 !== undefined && named !== undefined) fault([], 'either s3 or store', 'both');
    if (s3 !== undefined && prefix !== undefined)
      fault(['prefix'], 'a prefix inside s3; only a route with a store has one here');
  });
}

function hasDotSegments(value: string): boolean {
  return value.split('/').some((segment) => segment === '.' || segment === '..');
}
