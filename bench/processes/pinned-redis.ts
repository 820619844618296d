import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { runToEnd } from './bench-process.ts';

/** Starts a redis-server for the benchmark on the given processors. */
export async function startPinnedRedis(cores: string): Promise<RedisServer> {
  const redis = await startRedis();
  if (cores !== '') await runToEnd(['taskset', '-a', '-c', '-p', cores, String(redis.pid)], { cores: '' });
  return redis;
}
