/** Why a Redis that answers refuses a call or a connection. */
export interface RedisRefusal {
  /** A stable word, spelt as in Redis's errors: `NOPERM`. */
  readonly word: string;
  /** What the refusal means, and the remedy. It is public, so it names no user, key or address. */
  readonly advice: string;
}

/**
 * Advice by the first word of an error reply (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors).
 * These errors last until an operator fixes their cause, or they explain why Redis cannot work now.
 */
const ADVICE: Readonly<Record<string, string>> = {
  NOAUTH: 'Redis requires credentials: set entries.username and entries.password',
  WRONGPASS:
    'Redis rejects the user name or password: check entries.username, entries.password and entries.url',
  NOPERM:
    'the ACL of the Redis user lacks a command, key pattern or channel: apply the rule in docs/deploy/redis.md',
  DENIED:
    'Redis is in protected mode and accepts connections only from its own machine: give it a password (requirepass or an ACL user), or set protected-mode no in a network of its own',
  READONLY: 'this Redis is a replica: entries.url must lead to the primary',
  MISCONF: 'Redis cannot save its data and refuses writes: see its log',
  OOM: 'Redis is out of memory: raise maxmemory, or set maxmemory-policy allkeys-lru',
  LOADING: 'Redis is loading its data',
  MASTERDOWN: 'this Redis is a replica that has lost its primary',
  CLUSTERDOWN: 'the Redis Cluster does not serve all slots',
  NOREPLICAS: 'Redis has fewer replicas than min-replicas-to-write requires',
  NOPROTO: 'Redis supports only an older protocol: 6.2 or later is needed',
};

/** Errors whose first word is only `ERR`. They are recognized by their text. */
const SENTENCES: readonly { readonly pattern: RegExp; readonly word: string; readonly advice: string }[] = [
  {
    pattern: /max number of clients/i,
    word: 'MAXCLIENTS',
    advice: 'Redis has reached its limit of connections: raise maxclients',
  },
  {
    // From servers that are older than ACLs, and from a server without a password when a client sends one.
    pattern: /invalid password|AUTH.*without any password|no password is set/i,
    word: 'WRONGPASS',
    advice: 'Redis rejects the password: check entries.password and entries.url',
  },
  {
    pattern: /DB index is out of range|invalid DB index|SELECT is not allowed/i,
    word: 'NODB',
    advice: 'this Redis has no database with that number: check entries.db',
  },
  {
    pattern: /unknown command/i,
    word: 'UNKNOWN',
    advice: 'this Redis lacks a command or has renamed it: 6.2 or later with all commands is needed',
  },
];

/** The refusal by Redis in `error` or in its chain of causes; `null` if Redis did not answer. */
export function refusalIn(error: unknown): RedisRefusal | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = causeOf(at), depth += 1) {
    const refusal = refusalOf(at.message);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** If no node of a cluster accepts the connection, ioredis puts the reason into `lastNodeError`, not into `cause`. */
function causeOf(error: Error): unknown {
  return error.cause ?? (error as { readonly lastNodeError?: unknown }).lastNodeError;
}

function refusalOf(message: string): RedisRefusal | null {
  // The errors of scripts, and our own that wrap an error of Redis, have text before the word.
  const word = /(?:^|[\s:(-])([A-Z]{3,12})(?= )/g;
  for (const [, found = ''] of message.matchAll(word)) {
    const advice = Object.hasOwn(ADVICE, found) ? ADVICE[found] : undefined;
    if (advice !== undefined) return { word: found, advice };
  }
  // The wording of Redis 7.0. Later versions put NOPERM in front of it.
  if (/user executing the script can't|ACL failure in script/i.test(message))
    return { word: 'NOPERM', advice: ADVICE['NOPERM'] ?? '' };
  const sentence = SENTENCES.find(({ pattern }) => pattern.test(message));
  return sentence === undefined ? null : { word: sentence.word, advice: sentence.advice };
}
