import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { commandLine, startCommandLine } from '@cloud-mirror/testing/command-line';
import { eventually } from '@cloud-mirror/testing/eventually';
import { distributedConfig, merged } from '@cloud-mirror/testing/mirror-config';
import { FLEET, FRONTEND, PROJECT_ROOT, startProgram, type Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';

interface Task {
  readonly id: string;
  readonly host: string;
  readonly ports: readonly number[];
  readonly state: string;
  readonly healthCheckResults: readonly { readonly alive: boolean }[];
}

const LONG = { timeoutMs: 90_000, intervalMs: 100 };
let directory: string;
let redis: RedisServer;
let fleet: Program;
let config: Parameters<typeof merged>[0];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-'));
  redis = await startRedis({ path: inject('servers').redisServerPath });
  const servers = { ...inject('servers'), redisUrl: redis.url };
  const mirror = await distributedConfig(servers, { origins: ['http://127.0.0.1:1'] });
  const file = join(directory, 'mirror.yaml');
  const command = [process.execPath, join(PROJECT_ROOT, FRONTEND), '--config', file];
  config = merged(mirror.config, {
    admin: { tokens: [] },
    registry: { drainDelaySeconds: 2 },
    state: { directory: join(directory, 'state') },
    fleet: { port: 0, driver: 'process', process: { programs: { frontend: { command, instances: 1 } } } },
  });
  await writeFile(file, JSON.stringify(config));
  fleet = await startProgram(FLEET, { config });
});

afterAll(async () => {
  const { code } = await fleet.stop(100_000);
  await redis[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
  expect(code).toBe(0);
});

async function call(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(fleet.url(path), init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** As `curl -X PUT -d` sends it. */
function scale(instances: number, query = ''): ReturnType<typeof call> {
  return call(`/v2/apps/frontend${query}`, {
    method: 'PUT',
    body: JSON.stringify({ instances }),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
}

async function tasks(): Promise<readonly Task[]> {
  const { body } = await call('/v2/apps/frontend/tasks');
  return (body as unknown as { readonly tasks: readonly Task[] }).tasks;
}

async function serving(): Promise<readonly Task[]> {
  const all = await tasks();
  return all.filter(
    ({ state, healthCheckResults: [check] }) => state === 'TASK_RUNNING' && check?.alive === true,
  );
}

/** Waits until that many serve and no deployment is under way. */
async function settled(instances: number): Promise<readonly Task[]> {
  return eventually(async () => {
    const answer = await fetch(fleet.url('/v2/deployments'));
    if (((await answer.json()) as readonly unknown[]).length > 0) return null;
    const found = await serving();
    return found.length === instances && (await tasks()).length === instances ? found : null;
  }, LONG);
}

function pidOf(id: string): number {
  return Number(fleet.logs.find(({ instance, pid }) => instance === id && pid !== undefined)?.['pid']);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Sends requests to the instances that serve, as a load balancer that follows the fleet, until it is disposed. */
function load(): { readonly sent: () => number; readonly failed: string[] } & AsyncDisposable {
  const ending = new AbortController();
  const failed: string[] = [];
  let sent = 0;
  let targets: readonly Task[] = [];
  const follow = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      targets = await serving();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const send = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const target = targets[sent % Math.max(1, targets.length)];
      if (target !== undefined) {
        sent += 1;
        const url = `http://${target.host}:${target.ports[0]}/v1/ping`;
        const status = await fetch(url).then(async (answer) => (await answer.text(), answer.status), String);
        if (status !== 200) failed.push(`${target.id} ${status}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const loops = Promise.all([follow(), send(), send()]);
  return {
    sent: () => sent,
    failed,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await loops;
    },
  };
}

test('scales from 1 to 3 to 1 by one call each, and no request fails', async () => {
  await settled(1);
  await using balancer = load();
  const { status, body } = await scale(3);
  expect(status).toBe(200);
  expect(body).toEqual({ version: expect.any(String) as string, deploymentId: expect.any(String) as string });
  const grown = await settled(3);
  expect(new Set(grown.map(({ ports }) => ports[0])).size).toBe(3);
  expect((await call('/v2/apps/frontend')).body).toMatchObject({ app: { instances: 3, tasksHealthy: 3 } });
  await scale(1);
  const [left] = await settled(1);
  expect(grown.map(({ id }) => id)).toContain(left?.id);
  await eventually(() => balancer.sent() > 50, LONG);
  expect(balancer.failed).toEqual([]);
});

test('refuses a second change of an app under way, unless it is forced', async () => {
  await settled(1);
  const first = await scale(3);
  const second = await scale(2);
  expect(second.status).toBe(409);
  expect(second.body).toMatchObject({
    message: expect.stringContaining('force=true') as string,
    deployments: [{ id: first.body['deploymentId'] }],
  });
  expect((await scale(2, '?force=true')).status).toBe(200);
  await settled(2);
  expect((await scale(101)).status).toBe(422);
});

test('restarts instances one after the other, and no request fails', async () => {
  const before = await settled(2);
  await using balancer = load();
  const { status } = await call('/v2/apps/frontend/restart', { method: 'POST' });
  expect(status).toBe(200);
  const after = await settled(2);
  const old = new Set(before.map(({ id }) => id));
  expect(after.filter(({ id }) => old.has(id))).toEqual([]);
  expect(balancer.failed).toEqual([]);
});

test('is operated by the command line', async () => {
  const [one] = await settled(2);
  const env = { CLOUD_MIRROR_FLEET: fleet.address };
  const following = startCommandLine(['events'], { env });
  let events = '';
  following.process.stdout?.on('data', (text: Buffer) => (events += text.toString()));
  await eventually(async () => / [1-9]\d*$/m.test(await readersLine()), LONG);
  const nodes = await commandLine(['nodes', '--app', 'frontend'], { env });
  expect(nodes.status).toBe(0);
  expect(nodes.stdout.toString().trim().split('\n')).toHaveLength(3);
  expect(nodes.stdout.toString()).toContain(one?.id);
  const scaled = await commandLine(['scale', 'frontend', '1'], { env });
  expect(scaled.stdout.toString()).toMatch(/^deployment \w+ has begun/);
  await settled(1);
  const refused = await commandLine(['scale', 'nothing', '1'], { env });
  expect([refused.status, refused.stderr]).toEqual([1, "error: 404: App '/nothing' does not exist\n"]);
  await commandLine(['scale', 'frontend', '2'], { env });
  await settled(2);
  await eventually(() => events.match(/deployment_succeeded/g)?.length === 2, LONG);
  following.process.kill('SIGINT');
  expect((await following.finished).status).toBe(130);
  const restarted = await commandLine(['restart', 'frontend'], { env });
  expect(restarted.status).toBe(0);
  await settled(2);
});

async function readersLine(): Promise<string> {
  const text = await (await fetch(fleet.url('/metrics'))).text();
  return /^cloud_mirror_fleet_event_readers .*$/m.exec(text)?.[0] ?? '';
}

test('replaces an instance that is killed', async () => {
  const [victim] = await settled(2);
  process.kill(pidOf(victim?.id ?? ''), 'SIGKILL');
  await eventually(async () => (await tasks()).every(({ id }) => id !== victim?.id), LONG);
  await settled(2);
});

test('keeps everything listed while Redis is flushed or away', async () => {
  const before = await settled(2);
  const ids = (list: readonly Task[]): string[] => list.map(({ id }) => id).sort();
  const operator = new Redis(redis.url);
  await operator.flushall();
  operator.disconnect();
  for (let n = 0; n < 20; n += 1) {
    expect(ids(await tasks())).toEqual(ids(before));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  redis.signal('SIGSTOP');
  await eventually(async () => Number((await call('/v1/instances')).body['ageMs']) > 6_000, LONG);
  expect(ids(await tasks())).toEqual(ids(before));
  redis.signal('SIGCONT');
  await eventually(async () => Number((await call('/v1/instances')).body['ageMs']) < 3_000, LONG);
  expect(ids(await settled(2))).toEqual(ids(before));
});

test('a killed fleet takes its children along, and the next one has the number of the last call', async () => {
  const before = await settled(2);
  const pids = before.map(({ id }) => pidOf(id));
  await fleet.kill();
  await eventually(() => pids.every((pid) => !isRunning(pid)), LONG);
  fleet = await startProgram(FLEET, { config });
  const after = await settled(2);
  const old = new Set(before.map(({ id }) => id));
  expect(after.filter(({ id }) => old.has(id))).toEqual([]);
});
