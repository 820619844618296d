import { access, constants } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from './run-command.ts';
import { RuntimeApi } from './runtime-api.ts';

/** HAProxy cannot be run, started or reloaded, or refuses a configuration. The message has its words. */
export class HaproxyError extends Error {
  override readonly name = 'HaproxyError';
  readonly code: 'haproxy_missing' | 'haproxy_refused' | 'haproxy_not_started' | 'haproxy_not_reloaded';

  constructor(code: HaproxyError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface HaproxyProcessOptions {
  readonly binary: string;
  readonly file: string;
  readonly socket: string;
  /** Whether to start and reload HAProxy itself. */
  readonly start: boolean;
  /** A command that reloads a HAProxy of others: for a shell, or as words. */
  readonly reloadCommand: string | readonly string[] | null;
}

const CHECK_MS = 60_000;
const START_MS = 60_000;
const MASTER_ATTEMPTS = 10;
const MASTER_PAUSE_MS = 100;
/** Where packages install HAProxy, which the PATH of a service may lack. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** The program HAProxy: checks files, starts, reloads. It goes on running when this process ends. */
export class HaproxyProcess {
  readonly #options: HaproxyProcessOptions;
  readonly #binary: string;
  readonly #master: RuntimeApi;

  private constructor(options: HaproxyProcessOptions, binary: string) {
    this.#options = options;
    this.#binary = binary;
    this.#master = new RuntimeApi(masterSocket(options.socket));
  }

  /** @throws HaproxyError if the program is not there */
  static async find(options: HaproxyProcessOptions): Promise<HaproxyProcess> {
    const { binary } = options;
    const places = binary.includes('/') ? [] : SYSTEM_FOLDERS.map((folder) => `${folder}/${binary}`);
    for (const candidate of [binary, ...(await existing(places))]) {
      try {
        await runCommand([candidate, '-v'], CHECK_MS);
        return new HaproxyProcess(options, candidate);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    throw new HaproxyError(
      'haproxy_missing',
      `there is no program ${binary}; install HAProxy 2.6 or later (Debian: apt-get install haproxy), or set discovery.haproxy.binary`,
    );
  }

  /** @returns what HAProxy says against a file; null if it accepts it */
  async faultOf(file: string): Promise<string | null> {
    const { code, stderr } = await runCommand([this.#binary, '-c', '-f', file], CHECK_MS);
    return code === 0 ? null : alertsIn(stderr, file);
  }

  get canReload(): boolean {
    return this.#options.start || this.#options.reloadCommand !== null;
  }

  /** Starts a master that stays when this process ends. @throws HaproxyError */
  async start(): Promise<void> {
    const { file, socket } = this.#options;
    const master = ['-W', '-D', '-S', `${unixAddress(masterSocket(socket))},mode,600,level,admin`];
    const { code, stderr } = await runCommand([this.#binary, ...master, '-f', file], START_MS);
    if (code !== 0)
      throw new HaproxyError('haproxy_not_started', `HAProxy did not start: ${alertsIn(stderr, file)}`);
  }

  /** Asks for a reload. It has happened when the Runtime API tells of another process. @throws HaproxyError */
  async reload(): Promise<void> {
    const { reloadCommand } = this.#options;
    if (reloadCommand !== null) {
      const words = typeof reloadCommand === 'string' ? ['sh', '-c', reloadCommand] : reloadCommand;
      const { code, stderr } = await runCommand(words, START_MS);
      if (code === 0) return;
      const last = stderr.trim().split('\n').at(-1) ?? '';
      throw new HaproxyError(
        'haproxy_not_reloaded',
        `discovery.haproxy.reloadCommand ended with ${code ?? 'a signal'}: ${last}`,
      );
    }
    if (!(await this.#askMaster()))
      throw new HaproxyError(
        'haproxy_not_reloaded',
        'the running HAProxy has no master of discovery; stop it, or set discovery.haproxy.start: false and reloadCommand',
      );
  }

  /** @returns false if there is no master. It may break the connection while it loads itself again, and listens later than its worker. */
  async #askMaster(): Promise<boolean> {
    for (let attempt = 0; attempt < MASTER_ATTEMPTS; attempt += 1) {
      if ((await this.#master.call('reload').catch(() => '')) !== null) return true;
      await sleep(MASTER_PAUSE_MS);
    }
    return false;
  }
}

function masterSocket(socket: string): string {
  return `${socket}.master`;
}

/** Without the prefix, HAProxy takes a relative path for a host. */
function unixAddress(path: string): string {
  return path.startsWith('/') ? path : `unix@${path}`;
}

async function existing(files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(file, constants.X_OK).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}

const MOST_ALERTS = 5;

/** The lines of errors, without what is the same in all of them. */
function alertsIn(stderr: string, file: string): string {
  const alerts = stderr
    .split('\n')
    .filter((line) => /^\[ALERT\]/.test(line) && !/Fatal errors found|Error\(s\) found/.test(line))
    .map((line) =>
      line
        .replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, '')
        .replaceAll(file, 'line ')
        .replaceAll('line :', 'line '),
    );
  const text = alerts.slice(0, MOST_ALERTS).join('; ');
  return text === '' ? (stderr.trim().split('\n').at(-1) ?? '') : text;
}
