import { spawn, type ChildProcess } from 'node:child_process';
import { SUPERVISOR_VARIABLE, type Environment, type Logger } from '@cloud-mirror/program';
import { INSTANCE_ID_VARIABLE } from '@cloud-mirror/registry';
import { ulid } from 'ulid';
import { childLog, readLines } from './child-lines.ts';

export interface ChildOptions {
  readonly app: string;
  readonly command: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly environment: Environment;
  readonly logger: Logger;
}

/**
 * One child process, in a process group of its own: a shell or npm between it and the fleet gets the signals too. The child
 * holds a pipe to the fleet as its standard input. If the fleet is killed, that pipe closes, and the child drains and ends.
 */
export class Child {
  /** The id under which it announces itself. */
  readonly id = ulid();
  readonly startedAtMs = performance.now();
  /** Resolves when the process and all that hold its output have ended. Says how, in words. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  #isStopping = false;
  #hasEnded = false;

  constructor({ app, command, host, port, environment, logger }: ChildOptions) {
    const [file = '', ...args] = command;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#process = spawn(file, args, {
      env: {
        ...environment,
        HOST: host,
        PORT: String(port),
        [INSTANCE_ID_VARIABLE]: this.id,
        [SUPERVISOR_VARIABLE]: 'stdin',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const end = (how: string): void => {
      this.#hasEnded = true;
      resolve(how);
    };
    this.#process.once('error', (error) => end(`cannot be started: ${error.message}`));
    this.#process.once('close', (code, signal) => end(signal ?? `exit status ${code ?? 'unknown'}`));
    this.#process.stdin?.on('error', () => undefined);
    const { stdout, stderr } = this.#process;
    if (stdout !== null) readLines(stdout, childLog(logger, app, this.id));
    if (stderr !== null)
      readLines(stderr, (line) =>
        logger.warn({ app, instance: this.id, line }, 'error output of an instance'),
      );
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /**
   * Lets the process drain, and kills it if it takes too long.
   * @returns when it has ended
   */
  async stop(limitMs: number): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#signal('SIGTERM');
    }
    const limit = setTimeout(() => this.#signal('SIGKILL'), limitMs);
    await this.ended;
    clearTimeout(limit);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#hasEnded) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // The group has ended already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
