import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export const HOW_TO_GET_REDIS =
  'redis-server is not on the PATH. Install it (Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install redis; ' +
  'macOS: brew install redis). Or let the tests use a running Redis: set TEST_REDIS_URL.';

/**
 * Finds the redis-server on the PATH. If there is none, installs the distribution's, which requires root and apt.
 * @throws Error that says how to get one
 */
export async function redisServerPath(): Promise<string> {
  const present = await onPath('redis-server');
  if (present !== null) return present;
  if (process.getuid?.() !== 0 || (await onPath('apt-get')) === null) throw new Error(HOW_TO_GET_REDIS);
  process.stderr.write('redis-server is missing: installing it with apt-get\n');
  await installWithApt();
  const installed = await onPath('redis-server');
  if (installed === null) throw new Error(`apt-get installed no redis-server. ${HOW_TO_GET_REDIS}`);
  return installed;
}

export async function onPath(program: string): Promise<string | null> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const candidate = join(folder, program);
    if (await exists(candidate, constants.X_OK)) return candidate;
  }
  return null;
}

async function exists(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** RUNLEVEL=1 prevents the package from starting its service. If systemd enables it nevertheless, it is disabled. */
async function installWithApt(): Promise<void> {
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  await run('apt-get', [...lock, 'update']);
  await run('apt-get', [...lock, 'install', '-y', '--no-install-recommends', 'redis-server']);
  if (await exists('/run/systemd/system', constants.F_OK))
    await run('systemctl', ['disable', '--now', 'redis-server']);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, {
    // Stdout has the report of the test runner.
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${code ?? 'a signal'}. ${HOW_TO_GET_REDIS}`);
}
