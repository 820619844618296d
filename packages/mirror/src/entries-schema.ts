import { z } from 'zod';
import { listOf, oneOf, seconds, section, strictMapping, text, timeLimitMs } from '@cloud-mirror/config';

/** `host`, `host:port`, or a redis:// or rediss:// address (with credentials or for TLS). */
function node() {
  return text(
    'host:port, or an address that begins with redis:// or rediss://',
    /^(?:rediss?:\/\/\S+|[A-Za-z0-9._-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?)$/,
  );
}

function nodes() {
  return listOf(node(), 'a list of at least one host:port', 1);
}

function redisUrl() {
  const error = 'an address that begins with redis:// or rediss://';
  return z
    .string({ error })
    .refine((value) => /^rediss?:\/\/\S+$/.test(value) && URL.canParse(value), { error });
}

export const DEFAULT_REDIS_URL = 'redis://localhost:6379/0';

const USUAL_EXPIRY_MARGIN_SECONDS = 600;

/** Never more than half of the time for which a copy is believed in. */
export function defaultExpiryMarginSeconds(ttlSeconds: number): number {
  return Math.min(USUAL_EXPIRY_MARGIN_SECONDS, Math.floor(ttlSeconds / 2));
}

export const entriesSchema = section({
  kind: oneOf(['redis', 'memory']).default('redis'),
  /** Exactly one of the three; {@link DEFAULT_REDIS_URL} where none is given. */
  url: redisUrl().optional(),
  sentinels: strictMapping({
    name: text('the name of the group that the sentinels watch', /^\S+$/),
    nodes: nodes(),
    /** Credentials, database and TLS of the servers themselves; its host means nothing. */
    url: redisUrl().optional(),
  }).optional(),
  cluster: nodes().optional(),
  keyPrefix: text(
    'letters, digits, dots, colons, dashes and underscores, 100 at the most',
    /^[A-Za-z0-9._:-]{1,100}$/,
  ).default('cloud-mirror'),
  ttlSeconds: seconds(1, 366 * 86_400).default(84_600),
  /** {@link defaultExpiryMarginSeconds} where it is left out. */
  expiryMarginSeconds: seconds(0).optional(),
  queuedLeaseSeconds: seconds(1).default(900),
  copyingLeaseSeconds: seconds(1, 43_200).default(60),
  errorSeconds: section({
    first: seconds(1).default(2),
    longest: seconds(1).default(60),
  }),
  originAnswerSeconds: seconds(1).default(10),
  commandTimeoutMs: timeLimitMs().default(500),
});
