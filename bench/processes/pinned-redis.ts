import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { runToEnd } from './bench-process.ts';

/** A redis-server of the benchmark's own, on the processors named. */
export async function startPinnedRedis(cores: string): Promise<RedisServer> {
  const redis = await startRedis();
  if (cores !== '') await runToEnd(['taskset', '-a', '-c', '-p', cores, String(redis.pid)], { cores: '' });
  return redis;
}
