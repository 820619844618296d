import { once } from 'node:events';
import { connect } from 'node:net';
import { RedisEntryStore } from '@cloud-mirror/entry-store';
import { urlSha256, type ObjectId } from '@cloud-mirror/mirrored-objects';
import { Redis } from 'ioredis';
import { artifactUrl, REGION, SERVICE } from './mirror-under-test.ts';

const BACKEND = `${SERVICE}/${REGION}`;
const LIFE_MS = 20 * 3_600_000;
const AT_ONCE = 20_000;

/**
 * Puts a `present` entry for each of the first `count` artifacts into Redis. The entry store makes the first one. The
 * others are copies of it under their own keys, which takes a fraction of the time.
 */
export async function fillEntries(
  redisUrl: string,
  keyPrefix: string,
  count: number,
  from = 0,
): Promise<void> {
  const template = await templateEntry(redisUrl, keyPrefix);
  const { hostname, port } = new URL(redisUrl);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  let answers = 0;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    // Every answer is `+OK\r\n`.
    for (const byte of chunk) if (byte === 0x0a) answers += 1;
    wake();
  });
  for (let first = from; first < from + count; first += AT_ONCE) {
    const last = Math.min(from + count, first + AT_ONCE);
    let commands = '';
    for (let number = first; number < last; number += 1) {
      const key = template.key.replace(template.sha256, urlSha256(artifactUrl(number)));
      commands += command(['SET', key, template.value, 'PX', String(LIFE_MS)]);
    }
    socket.write(commands);
    while (answers < last - from) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  socket.destroy();
}

async function templateEntry(
  redisUrl: string,
  keyPrefix: string,
): Promise<{ key: string; value: string; sha256: string }> {
  const sha256 = urlSha256('https://artifacts.example.com/builds/template');
  const id: ObjectId = { backend: BACKEND, sha256 };
  await using entries = new RedisEntryStore({
    connection: { url: redisUrl },
    keyPrefix,
    commandTimeoutMs: 5_000,
  });
  const token = 'token-of-an-entry-in-a-bench';
  await entries.claim(id, { token, leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const now = Date.now();
  const copy = {
    generation: '',
    sizeBytes: 52_428_800,
    sha256,
    etag: '"d41d8cd98f00b204e9800998ecf8427e-7"',
    storedAt: now,
    expiresAt: now + 24 * 3_600_000,
  };
  await entries.commit(id, token, copy, LIFE_MS);
  const redis = new Redis(redisUrl);
  try {
    const [key] = await redis.keys(`*${keyPrefix}*${sha256}*`);
    if (key === undefined) throw new Error('the entry store uses another format of keys than this benchmark');
    return { key, value: (await redis.get(key)) ?? '', sha256 };
  } finally {
    redis.disconnect();
  }
}

/** Encodes a command in the Redis protocol. All text here is ASCII. */
function command(parts: readonly string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;
}
