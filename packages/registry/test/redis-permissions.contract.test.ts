import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import { startRedis } from '@cloud-mirror/testing/redis-server';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { RedisRegistry } from '@cloud-mirror/registry';
import { instanceOf } from '@cloud-mirror/registry/contract';

test('the documented permissions are enough', async () => {
  const page = await readFile(join(PROJECT_ROOT, 'docs/deploy/redis.md'), 'utf8');
  const [, rule = ''] = /^ACL SETUSER cloud-mirror (on .*)$/m.exec(page) ?? [];
  const [, added = ''] = /^(&cloud-mirror:registry .*)$/m.exec(page) ?? [];
  await using server = await startRedis({ path: inject('servers').redisServerPath });
  const operator = new Redis(server.url);
  await operator.call('ACL', 'SETUSER', 'cloud-mirror', ...`${rule} ${added}`.split(' '));
  operator.disconnect();
  const errors: Error[] = [];
  await using registry = await RedisRegistry.open({
    connection: { url: server.url.replace('//', '//cloud-mirror:PASSWORD@') },
    keyPrefix: 'cloud-mirror',
    commandTimeoutMs: 10_000,
    onError: (error) => errors.push(error),
  });
  const killed = instanceOf();
  const left = instanceOf();
  await registry.announce(killed, 1_000);
  await registry.announce(left, 60_000);
  await registry.leave(left.id);
  await expect.poll(() => registry.list().instances).toEqual([]);
  expect(errors).toEqual([]);
});
