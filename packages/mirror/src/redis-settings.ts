import { readFileSync } from 'node:fs';
import type { RedisConnection } from '@cloud-mirror/redis';
import type { PartsConfig } from './program-schemas.ts';

/** The part of the section `entries` that is about the connection. */
export type RedisSettings = Omit<PartsConfig['entries'], 'expiryMarginSeconds'>;

/** The configuration check guarantees that exactly one of `url`, `sentinels` and `cluster` is given. */
export function redisConnection(entries: RedisSettings): RedisConnection {
  const { url, sentinels, cluster, username, password, db, tls } = entries;
  const access = {
    username: username ?? undefined,
    password: password ?? undefined,
    db: db ?? undefined,
    ca: tls.ca === null ? undefined : readFileSync(tls.ca, 'utf8'),
  };
  if (sentinels !== undefined) {
    const { name, nodes } = sentinels;
    return { sentinels: { name, nodes }, url: sentinels.url, access };
  }
  if (cluster !== undefined) return { cluster, access };
  if (url !== undefined) return { url, access };
  throw new TypeError('entries of kind redis need one of url, sentinels and cluster');
}
