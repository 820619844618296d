import { randomUUID } from 'node:crypto';
import { startRedis } from '@cloud-mirror/testing/redis-server';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { RedisRegistry } from '@cloud-mirror/registry';
import type { Registry } from '@cloud-mirror/registry';
import { instanceOf, registryContract } from '@cloud-mirror/registry/contract';

const opened: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function open(url: string, keyPrefix: string): Promise<RedisRegistry> {
  const registry = await RedisRegistry.open({
    connection: { url },
    keyPrefix,
    commandTimeoutMs: 10_000,
    onError: () => undefined,
  });
  opened.push(registry);
  return registry;
}

registryContract('Redis', async () => {
  const keyPrefix = `test-${randomUUID()}`;
  return { open: () => open(inject('servers').redisUrl, keyPrefix) };
});

const ids = (registry: Registry): string[] => registry.list().instances.map(({ id }) => id);

describe('several processes', () => {
  test('see the same instances at the same revisions', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    const url = inject('servers').redisUrl;
    const [one, other] = [await open(url, keyPrefix), await open(url, keyPrefix)];
    const instances = [instanceOf(), instanceOf()];
    await one.announce(instances[0] ?? instanceOf(), 60_000);
    await other.announce(instances[1] ?? instanceOf(), 60_000);
    await expect.poll(() => one.list().revision === other.list().revision && ids(one)).toHaveLength(2);
    expect(ids(one)).toEqual(ids(other));
    const late = await open(url, keyPrefix);
    expect(late.list().instances).toEqual(one.list().instances);
    expect(late.list().revision).toBe(one.list().revision);
  });

  test('agree on the revision at which a lease ended', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    const url = inject('servers').redisUrl;
    const readers = [await open(url, keyPrefix), await open(url, keyPrefix)];
    const killed = instanceOf();
    await readers[0]?.announce(killed, 1_000);
    const downs = readers.map(async (reader) => {
      for await (const change of reader.watch(null, AbortSignal.timeout(25_000)))
        if (change.kind === 'down') return change.revision;
      return null;
    });
    const [first, second] = await Promise.all(downs);
    expect(first).not.toBeNull();
    expect(second).toBe(first);
  });
});

describe('a registry in a Redis', () => {
  test('that is flushed empties nothing, and its revision grows', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    await using server = await startRedis({ path: inject('servers').redisServerPath });
    await using registry = await open(server.url, keyPrefix);
    const renewed = instanceOf();
    const killed = instanceOf();
    await registry.announce(renewed, 3_000);
    await registry.announce(killed, 3_000);
    const { revision } = registry.list();
    const fewest: number[] = [];
    const watching = new AbortController();
    const counting = (async () => {
      while (!watching.signal.aborted) {
        fewest.push(ids(registry).length);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const operator = new Redis(server.url);
    await operator.flushall();
    operator.disconnect();
    while (ids(registry).includes(killed.id)) {
      await registry.announce(renewed, 3_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    watching.abort();
    await counting;
    expect(ids(registry)).toEqual([renewed.id]);
    expect(Math.min(...fewest)).toBeGreaterThanOrEqual(1);
    expect(registry.list().revision).toBeGreaterThan(revision);
  });

  test('that is away keeps its last list, says how old it is, and goes on afterwards', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    await using server = await startRedis({ path: inject('servers').redisServerPath });
    const registry = await RedisRegistry.open({
      connection: { url: server.url },
      keyPrefix,
      commandTimeoutMs: 300,
      onError: () => undefined,
    });
    opened.push(registry);
    const one = instanceOf();
    await registry.announce(one, 1_500);
    server.signal('SIGSTOP');
    await expect.poll(() => registry.list().ageMs).toBeGreaterThan(3_000);
    expect(ids(registry)).toEqual([one.id]);
    await expect(registry.announce(one, 1_500)).rejects.toMatchObject({ code: 'registry_unavailable' });
    server.signal('SIGCONT');
    await expect.poll(() => registry.list().ageMs).toBeLessThan(3_000);
    const other = instanceOf();
    await expect
      .poll(() =>
        registry.announce(other, 60_000).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    expect(ids(registry)).toContain(other.id);
  });
});
