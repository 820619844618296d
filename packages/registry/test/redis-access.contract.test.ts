import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { refusalIn } from '@cloud-mirror/redis';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Announcer, RedisRegistry } from '../src/index.ts';

const PREFIX = 'cloud-mirror';
const DOCUMENT = new URL('../../../docs/deploy/redis.md', import.meta.url);
/** The documented rule, without the command and the name of the user. */
const RULE = /^ACL SETUSER cloud-mirror (.*)$/m.exec(readFileSync(DOCUMENT, 'utf8'))?.[1]?.split(' ') ?? [];
const PASSWORD = RULE.find((part) => part.startsWith('>'))?.slice(1) ?? '';

let server: RedisServer;
let operator: Redis;
beforeAll(async () => {
  server = await startRedis();
  operator = new Redis(server.url);
});
afterAll(async () => {
  operator.disconnect();
  await server.stop();
});

async function registryOf(changes: readonly string[] = []): Promise<RedisRegistry> {
  const username = `u-${randomUUID()}`;
  await operator.call('ACL', 'SETUSER', username, ...RULE, ...changes);
  return RedisRegistry.open({
    connection: { url: server.url, access: { username, password: PASSWORD } },
    keyPrefix: PREFIX,
    commandTimeoutMs: 10_000,
    onError: () => undefined,
  });
}

test('the documented rule permits announcing, reading and leaving, and the check leaves no key', async () => {
  await operator.call('ACL', 'LOG', 'RESET');
  await using registry = await registryOf();
  await registry.check();
  expect(await operator.keys('*check*')).toEqual([]);
  const own = { app: 'router', host: '127.0.0.1', ports: [], version: '0', labels: {} };
  const announcer = await Announcer.start({
    registry,
    own,
    status: () => ({ state: 'running', healthy: true, why: null, load: null }),
    leaseSeconds: 5,
    onError: (error) => expect.fail(error.message),
  });
  await expect.poll(() => registry.list().instances.map(({ id }) => id)).toEqual([announcer.id]);
  await announcer[Symbol.asyncDispose]();
  await expect.poll(() => registry.list().instances).toEqual([]);
  expect(registry.failure).toBeNull();
  expect(await operator.call('ACL', 'LOG')).toEqual([]);
});

test.each<readonly [lacking: string, changes: string]>([
  [
    'the rule of 0.2.0',
    'resetchannels &cloud-mirror:changes -hget -hset -hsetnx -hdel -hgetall -xadd -xrange',
  ],
  ['no channel', 'resetchannels'],
  ['no keys', 'resetkeys'],
  ...'get hget hset hsetnx hdel hgetall xadd xrange eval time publish'
    .split(' ')
    .map((command) => [`no ${command}`, `-${command}`] as const),
])('the check is refused with NOPERM, and so is the registry: %s', async (_lacking, changes) => {
  await using registry = await registryOf(changes.split(' '));
  const error: unknown = await registry.check().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'registry_unavailable' });
  expect(refusalIn(error)?.word).toBe('NOPERM');
});

test.each([['-subscribe'], ['-hgetall'], ['resetkeys']])('failure tells NOPERM: %s', async (change) => {
  await using registry = await registryOf([change]);
  await expect.poll(() => refusalIn(registry.failure)?.word).toBe('NOPERM');
});
