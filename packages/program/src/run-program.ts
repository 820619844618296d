import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { LineBatches } from './line-batches.ts';
import { escapeDeceptive } from './log-lines.ts';
import { logForeignOutput } from './foreign-output.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { endProcess } from './end-process.ts';
import { programVersion } from './program-version.ts';

/** The environment variables of a process, in the shape of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** An option of a program's command line, with a value. */
export interface ProgramOption {
  /** `--port <N>` */
  readonly flags: string;
  readonly description: string;
}

/** @template Settings the type of the configuration */
export interface Program<Settings> {
  /** The name in logs and help: `cloud-mirror-frontend`. */
  readonly name: string;
  readonly description: string;
  /** The environment variables that `--help` lists, with their descriptions. */
  readonly variables: Readonly<Record<string, string>>;
  /** The keys that an error message suggests changing if the program cannot listen: `server.port or PORT`. */
  readonly listenKeys: { readonly port: string; readonly host: string };
  /** Options beside `--config`. */
  readonly options?: readonly ProgramOption[];
  /**
   * Reads the settings.
   * @param file the value of `--config`
   * @param options the values of {@link options}, by the names of their long flags in camel case
   * @throws an error with `code` `config_invalid` if they are invalid; its message goes to standard error
   */
  load(
    file: string | undefined,
    environment: Environment,
    options: Readonly<Record<string, string | undefined>>,
  ): Promise<LoadedSettings<Settings>>;
  /**
   * Opens everything and resolves when the program is ready. If it rejects, it has closed what it opened. `signal` is
   * aborted if the program must stop before it is ready.
   * @throws an error with `code` `config_invalid` if the settings do not suit this program
   */
  start(context: ProgramContext<Settings>): Promise<RunningProgram>;
}

export interface LoadedSettings<Settings> {
  readonly config: Settings;
  readonly logLevel: string;
  /** The program's own time limit for draining. */
  readonly drainSeconds: number;
}

export interface ProgramContext<Settings> {
  readonly config: Settings;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface RunningProgram {
  /** `http://host:port`; null if the program does not listen. */
  readonly address: string | null;
  /** The addresses of other listeners, by name; they are in the ready line. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Finishes the work in progress, within the configured time, and closes everything. Called once. */
  drain(): Promise<void>;
}

/** The exit statuses of all programs. */
const EXIT = { drained: 0, crashed: 1, misconfigured: 2 } as const;

/** Time in addition to the drain limit, for closing connections. */
const CLOSING_MS = 15_000;

/**
 * Runs a program as a process: arguments, configuration, logger, signals, exit status.
 *
 * When the program is ready, prints one line of JSON with `msg: "ready"` and its address, whatever the log level.
 *
 * Exit status 0: drained after SIGTERM or SIGINT. 1: a second signal, or an unhandled error. 2: an invalid configuration
 * or invalid arguments, with the faults on standard error. The caller has nothing to do afterwards: the process ends.
 */
export async function runProgram<Settings>(
  program: Program<Settings>,
  argv: readonly string[] = process.argv,
): Promise<void> {
  // Keeps the process alive until a signal. The interval is the longest that Node supports.
  setInterval(() => undefined, 2 ** 31 - 1);
  // First of all, so that a signal during start-up drains the program instead of killing it.
  const stopping = listenForSignals();
  const version = programVersion();
  const options = readArguments(program, version, argv);
  if ('exit' in options) return process.exit(options.exit);
  let settings: LoadedSettings<Settings>;
  try {
    settings = await program.load(options.config, process.env, options.others);
  } catch (error) {
    if (!isConfigurationFault(error)) throw error;
    return exitWithFaults(error);
  }
  const { config, logLevel, drainSeconds } = settings;
  const destination = pino.destination({ dest: 1, sync: false });
  const lines = new LineBatches(destination);
  const logger = createLogger({
    level: logLevel,
    program: program.name,
    version,
    destination: lines,
  });
  const exit = exitOnceWritten(lines, destination);
  watchForCrashes(logger, exit);
  logForeignOutput(logger);
  stopping.onSecondSignal = () => {
    logger.fatal('second signal: exiting without draining');
    exit(EXIT.crashed);
  };

  let running: RunningProgram;
  try {
    running = await program.start({ config, logger, signal: stopping.signal });
  } catch (error) {
    if (isConfigurationFault(error)) return exitWithFaults(error);
    if (stopping.signal.aborted) return exit(EXIT.drained);
    logger.fatal({ err: error }, startFailure(error, program.listenKeys));
    return exit(EXIT.crashed);
  }
  // Supervisors and tests wait for this line, so it does not depend on the log level.
  logger.child({}, { level: 'info' }).info({ address: running.address, ...running.addresses }, 'ready');

  await stopping.asked;
  logger.info({ signal: stopping.signal.reason as unknown }, 'draining');
  const limitMs = drainSeconds * 1000 + CLOSING_MS;
  const limit = setTimeout(() => {
    logger.fatal({ limitMs }, 'the drain exceeded its time limit: exiting');
    exit(EXIT.crashed);
  }, limitMs);
  try {
    await running.drain();
  } catch (error) {
    logger.fatal({ err: error }, 'draining failed');
    return exit(EXIT.crashed);
  } finally {
    clearTimeout(limit);
  }
  logger.info('stopped');
  return exit(EXIT.drained);
}

/**
 * The environment variable by which a supervisor says that it holds the other end of the program's standard input. If it
 * dies, whatever the reason, that pipe closes and the program drains. Its value is `stdin`.
 */
export const SUPERVISOR_VARIABLE = 'CLOUD_MIRROR_SUPERVISOR';

interface Stopping {
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly asked: Promise<void>;
  onSecondSignal: () => void;
}

function listenForSignals(): Stopping {
  const controller = new AbortController();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const stopping: Stopping = {
    signal: controller.signal,
    asked,
    onSecondSignal: () => endProcess(EXIT.crashed),
  };
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) return stopping.onSecondSignal();
    controller.abort(name);
    resolve();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  if (process.env[SUPERVISOR_VARIABLE] === 'stdin') watchForSupervisor(controller, resolve);
  return stopping;
}

function watchForSupervisor(controller: AbortController, resolve: () => void): void {
  const gone = (): void => {
    if (controller.signal.aborted) return;
    controller.abort('supervisor gone');
    resolve();
  };
  process.stdin.once('end', gone).once('close', gone).once('error', gone).resume();
}

/** The time limit for writing the last lines, in case the reader of the log does not read. */
const LAST_LINES_MS = 2000;

type Destination = ReturnType<typeof pino.destination>;

/** Exits after the buffered log lines are written. Only the first call has an effect. */
function exitOnceWritten(lines: LineBatches, destination: Destination): (status: number) => void {
  let ending = false;
  return (status) => {
    if (ending) return;
    ending = true;
    const end = (): void => endProcess(status);
    setTimeout(end, LAST_LINES_MS);
    lines.end();
    destination.once('close', end).once('error', end);
    destination.end();
  };
}

function watchForCrashes(logger: Logger, exit: (status: number) => void): void {
  let crashed = false;
  process.on('uncaughtException', (error: unknown, origin) => {
    // Later errors are consequences of the first, and the log may already be closed.
    if (crashed) return;
    crashed = true;
    logger.fatal(
      { err: error },
      origin === 'unhandledRejection' ? 'unhandled rejection' : 'uncaught exception',
    );
    exit(EXIT.crashed);
  });
}

function readArguments<Settings>(
  program: Program<Settings>,
  version: string,
  argv: readonly string[],
):
  | { readonly config: string | undefined; readonly others: Readonly<Record<string, string | undefined>> }
  | { readonly exit: number } {
  const command = new Command(program.name)
    .description(program.description)
    .option('--config <FILE>', 'configuration file (YAML)')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addHelpText('after', helpText(program.variables))
    .exitOverride();
  for (const { flags, description } of program.options ?? []) command.option(flags, description);
  try {
    command.parse(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { exit: error.exitCode === 0 ? EXIT.drained : EXIT.misconfigured };
  }
  const { config, ...others } = command.opts<Record<string, string | undefined>>();
  return { config, others };
}

function helpText(variables: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(variables).map((name) => name.length));
  const lines = Object.entries(variables).map(([name, use]) => `  ${name.padEnd(width)}  ${use}`);
  return `
Environment:
${lines.join('\n')}

Exit status: 0 drained after SIGTERM or SIGINT, 1 crashed, 2 invalid configuration or arguments.`;
}

function isConfigurationFault(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'config_invalid';
}

function exitWithFaults(error: Error): never {
  process.stderr.write(`${escapeDeceptive(error.message)}\n`);
  process.exit(EXIT.misconfigured);
}

/** Describes why a program cannot start, with the remedy for common causes. */
function startFailure(error: unknown, keys: Program<unknown>['listenKeys']): string {
  const { code, address, port } = error as { code?: unknown; address?: unknown; port?: unknown };
  const where = `${String(address)}:${String(port)}`;
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: the port is already in use; choose another ${keys.port}`;
    case 'EACCES':
      return `cannot listen on ${where}: permission denied; ports below 1024 need privileges, so choose another ${keys.port}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `cannot listen on ${where}: this machine has no such address; change ${keys.host}`;
    default:
      return 'could not start';
  }
}
