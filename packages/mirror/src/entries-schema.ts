import { z } from 'zod';
import {
  listOf,
  oneOf,
  seconds,
  section,
  strictMapping,
  text,
  timeLimitMs,
  wholeNumber,
} from '@cloud-mirror/config';

/** {@link redisFaults} checks the address itself, because what is valid depends on the key. */
function address() {
  return z.string({ error: 'an address that begins with redis:// or rediss://' });
}

function nodes() {
  const expected = 'host:port, or an address that begins with redis:// or rediss://';
  return listOf(z.string({ error: expected }), 'a list of at least one host:port', 1);
}

export const DEFAULT_REDIS_URL = 'redis://localhost:6379/0';

const USUAL_EXPIRY_MARGIN_SECONDS = 600;

/** At most half of the time for which an entry is trusted. */
export function defaultExpiryMarginSeconds(ttlSeconds: number): number {
  return Math.min(USUAL_EXPIRY_MARGIN_SECONDS, Math.floor(ttlSeconds / 2));
}

export const entriesSchema = section({
  kind: oneOf(['redis', 'memory']).default('redis'),
  /** Exactly one of `url`, `sentinels` and `cluster`; if none is given, {@link DEFAULT_REDIS_URL}. */
  url: address().optional(),
  sentinels: strictMapping({
    name: text('the name of the group that the sentinels watch', /^\S+$/),
    nodes: nodes(),
    /** Credentials, database and TLS of the Redis servers; its host is ignored. */
    url: address().optional(),
  }).optional(),
  cluster: nodes().optional(),
  username: text('the name of an ACL user', /^\S+$/).nullable().default(null),
  password: text('a password', /./s).nullable().default(null),
  db: wholeNumber(0, 2 ** 31 - 1)
    .nullable()
    .default(null),
  tls: section({
    /** PEM file with the authorities that sign the servers' certificates; replaces the system's authorities. */
    ca: text('the path of a PEM file', /^[^\0]+$/)
      .nullable()
      .default(null),
  }),
  keyPrefix: text(
    'at most 100 letters, digits, dots, colons, dashes and underscores',
    /^[A-Za-z0-9._:-]{1,100}$/,
  ).default('cloud-mirror'),
  ttlSeconds: seconds(1, 366 * 86_400).default(84_600),
  /** Default: {@link defaultExpiryMarginSeconds}. */
  expiryMarginSeconds: seconds(0).optional(),
  queuedLeaseSeconds: seconds(1).default(900),
  copyingLeaseSeconds: seconds(1, 43_200).default(60),
  errorSeconds: section({
    first: seconds(1).default(2),
    longest: seconds(1).default(60),
  }),
  originAnswerSeconds: seconds(1).default(10),
  /** Between two checks of one object for clients that send no-cache; 0: each request checks. */
  revalidateSeconds: seconds(0, 3_600).default(1),
  commandTimeoutMs: timeLimitMs().default(500),
});
