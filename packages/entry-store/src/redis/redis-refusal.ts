import { EntryStoreError, type EntryStoreRefusal } from '../entry-store.ts';

/** Errors that last until somebody mends them, or tell why Redis cannot work now (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors). */
const ADVICE: Readonly<Record<string, string>> = {
  NOAUTH: 'Redis wants credentials: set entries.username and entries.password',
  WRONGPASS:
    'Redis does not know this user and password: check entries.username, entries.password and entries.url',
  NOPERM:
    'the ACL of the Redis user lacks a command, key pattern or channel; docs/deploy/redis.md has the rule',
  DENIED:
    'Redis is in protected mode and takes connections of its own machine only: give it a password or a bind address',
  READONLY: 'this Redis is a replica: entries.url must lead to the primary',
  MISCONF: 'Redis cannot save its data and takes no writes: see its log',
  OOM: 'Redis has no memory left: raise maxmemory, or set maxmemory-policy allkeys-lru',
  LOADING: 'Redis is loading its data',
  MASTERDOWN: 'this Redis is a replica that has lost its primary',
  CLUSTERDOWN: 'the Redis Cluster does not serve all slots',
  NOREPLICAS: 'Redis has fewer replicas than min-replicas-to-write asks for',
  NOPROTO: 'Redis speaks an older protocol: 6.2 or later is needed',
};

/** Errors whose first word, `ERR`, says nothing. */
const SENTENCES: readonly { readonly pattern: RegExp; readonly word: string; readonly advice: string }[] = [
  {
    pattern: /max number of clients/i,
    word: 'MAXCLIENTS',
    advice: 'Redis has as many connections as it takes: raise maxclients',
  },
  {
    // Of servers before ACLs, and of a password where none is configured.
    pattern: /invalid password|AUTH.*without any password|no password is set/i,
    word: 'WRONGPASS',
    advice: 'Redis does not take this password: check entries.password and entries.url',
  },
  {
    pattern: /DB index is out of range|invalid DB index|SELECT is not allowed/i,
    word: 'NODB',
    advice: 'this Redis has no database of that number: check entries.db',
  },
  {
    pattern: /unknown command/i,
    word: 'UNKNOWN',
    advice: 'this Redis lacks a command, or has renamed it: 6.2 or later is needed',
  },
];

/** @param cause what made a call fail */
export function entryStoreError(cause: unknown): EntryStoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EntryStoreError(`Redis: ${reason}`, { cause, refusal: refusalIn(cause) });
}

/** What Redis refused, looked for along the causes of `error`; `null` where it did not answer at all. */
export function refusalIn(error: unknown): EntryStoreRefusal | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = causeOf(at), depth += 1) {
    const refusal = refusalOf(at.message);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** What ioredis says of a cluster of which no node lets it in is in a property of its own. */
function causeOf(error: Error): unknown {
  return error.cause ?? (error as { readonly lastNodeError?: unknown }).lastNodeError;
}

function refusalOf(message: string): EntryStoreRefusal | null {
  // A script's error, and ours around Redis's, come with words before.
  const word = /(?:^|[\s:(-])([A-Z]{3,12})(?= )/g;
  for (const [, found = ''] of message.matchAll(word)) {
    const advice = Object.hasOwn(ADVICE, found) ? ADVICE[found] : undefined;
    if (advice !== undefined) return { word: found, advice };
  }
  // How Redis 7.0 words it; later ones say NOPERM, which stands before that.
  if (/user executing the script can't|ACL failure in script/i.test(message))
    return { word: 'NOPERM', advice: ADVICE['NOPERM'] ?? '' };
  const sentence = SENTENCES.find(({ pattern }) => pattern.test(message));
  return sentence === undefined ? null : { word: sentence.word, advice: sentence.advice };
}
