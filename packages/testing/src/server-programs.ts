import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

interface ServerProgram {
  /** The name of the program, which is also that of Debian's package. */
  readonly name: string;
  readonly howToGet: string;
}

export const HOW_TO_GET_REDIS =
  'redis-server is not on the PATH. Install it (Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install redis; ' +
  'macOS: brew install redis). Or let the tests use a running Redis: set TEST_REDIS_URL.';

const REDIS: ServerProgram = { name: 'redis-server', howToGet: HOW_TO_GET_REDIS };

const HAPROXY: ServerProgram = {
  name: 'haproxy',
  howToGet:
    'haproxy is not on the PATH. Install version 2.6 or later (Debian, Ubuntu: apt-get install haproxy; Fedora: dnf install ' +
    'haproxy; macOS: brew install haproxy).',
};

/** Where Debian installs it, which the PATH of a user other than root may lack. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/**
 * Finds the redis-server on the PATH. If there is none, installs the distribution's, which requires root and apt.
 * @throws Error that says how to get one
 */
export async function redisServerPath(): Promise<string> {
  return serverPath(REDIS);
}

/** Like {@link redisServerPath}, for HAProxy. @throws Error that says how to get it */
export async function haproxyPath(): Promise<string> {
  return serverPath(HAPROXY);
}

async function serverPath(program: ServerProgram): Promise<string> {
  const { name, howToGet } = program;
  const present = await onPath(name);
  if (present !== null) return present;
  if (process.getuid?.() !== 0 || (await onPath('apt-get')) === null) throw new Error(howToGet);
  process.stderr.write(`${name} is missing: installing it with apt-get\n`);
  await installWithApt(program);
  const installed = await onPath(name);
  if (installed === null) throw new Error(`apt-get installed no ${name}. ${howToGet}`);
  return installed;
}

export async function onPath(program: string): Promise<string | null> {
  const path = (process.env.PATH ?? '').split(delimiter);
  const folders = [...path, ...SYSTEM_FOLDERS].filter((folder) => folder !== '');
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
async function installWithApt({ name, howToGet }: ServerProgram): Promise<void> {
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  await run('apt-get', [...lock, 'update'], howToGet);
  await run('apt-get', [...lock, 'install', '-y', '--no-install-recommends', name], howToGet);
  if (await exists('/run/systemd/system', constants.F_OK))
    await run('systemctl', ['disable', '--now', name], howToGet);
}

async function run(program: string, args: readonly string[], howToGet: string): Promise<void> {
  const child = spawn(program, args, {
    // Stdout has the report of the test runner.
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${code ?? 'a signal'}. ${howToGet}`);
}
