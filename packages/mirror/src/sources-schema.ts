import { z } from 'zod';
import { DEFAULT_PER_ORIGIN } from '@cloud-mirror/origin';
import {
  flag,
  listOf,
  oneOf,
  positiveNumber,
  seconds,
  section,
  share,
  strictMapping,
  text,
  wholeNumber,
} from '@cloud-mirror/config';

const QUERY = 'keep or refuse or ignore or a list of the parameters that count, such as [version, arch]';

/** No default: a rule without it keeps queries and gets a warning; see {@link configWarnings}. */
function query() {
  const name = text(
    'the name of a parameter, decoded: at most 100 characters, none of & ; =',
    /^[^&;=\p{Cc}]{1,100}$/u,
  );
  const names = z
    .array(name, { error: QUERY })
    .min(1, { error: 'at least one name, or refuse' })
    .max(100, { error: 'at most 100 names' })
    .refine((list) => new Set(list).size === list.length, { error: 'each name only once' });
  return z.union([oneOf(['keep', 'refuse', 'ignore']), names], { error: QUERY }).optional();
}

const ruleSchema = strictMapping({
  prefix: z.string({ error: 'the beginning of the URLs that are allowed' }).optional(),
  pattern: z.string({ error: 'a regular expression' }).optional(),
  /** Default: follows `sources.requireTls`. */
  tls: oneOf(['required', 'optional']).optional(),
  privateAddresses: flag().default(false),
  signedQuery: oneOf(['refuse', 'keep']).default('refuse'),
  query: query(),
  onRefusal: oneOf(['pass', 'origin']).default('pass'),
  ignoreVary: flag().default(false),
  ignoreCacheControl: flag().default(false),
  keepCacheControl: flag().default(false),
  budgets: section({
    copiesPerMinute: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'copies').nullable().default(null),
    bytesPerDay: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes').nullable().default(null),
  }),
});

export const sourcesSchema = section({
  requireTls: flag().default(true),
  /** null for the proxies of the environment; see {@link proxySettings}. */
  proxy: text('the address of an HTTP proxy, such as http://proxy.example.com:3128', /^[^\0]+$/)
    .nullable()
    .default(null),
  /** PEM file with authorities that sign origins' certificates, in addition to those that Node trusts. */
  ca: text('the path of a PEM file', /^[^\0]+$/)
    .nullable()
    .default(null),
  redirectLimit: wholeNumber(0, 100).default(20),
  maxObjectBytes: wholeNumber(1, 5 * 1024 ** 4, 'bytes').default(107_374_182_400),
  allow: listOf(ruleSchema, 'a list of what may be mirrored, each entry with a prefix or a pattern'),
  timeouts: section({
    connectSeconds: seconds(1, 3600).default(5),
    firstByteSeconds: seconds(1, 3600).default(15),
    totalSeconds: seconds(1).default(3600),
    minimumBytesPerSecond: wholeNumber(0, 1024 ** 3, 'bytes').default(10_240),
  }),
  /** What one origin host may use of a process. */
  /** For each origin host and process. */
  perOrigin: section({
    connections: wholeNumber(1, 65_536).default(DEFAULT_PER_ORIGIN.connections),
    requestsPerSecond: positiveNumber(1_000_000).nullable().default(DEFAULT_PER_ORIGIN.requestsPerSecond),
    bytesPerSecond: wholeNumber(1, 1024 ** 4, 'bytes')
      .nullable()
      .default(DEFAULT_PER_ORIGIN.bytesPerSecond),
    copyShare: share().default(0.25),
  }),
});
