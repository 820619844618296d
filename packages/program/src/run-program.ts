import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { LineBatches } from './line-batches.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { programVersion } from './program-version.ts';

/** The environment as a program got it; `process.env` has this shape. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @template Settings what the program's configuration file says */
export interface Program<Settings> {
  /** As logs and help name it: `cloud-mirror-frontend`. */
  readonly name: string;
  readonly description: string;
  /** Explains the environment variables that the program reads, for `--help`: the variable, then what it is for. */
  readonly variables: Readonly<Record<string, string>>;
  /** What to change where the program cannot listen: `server.port or PORT`. */
  readonly listenKeys: { readonly port: string; readonly host: string };
  /**
   * Reads the settings.
   * @param file what `--config` names
   * @throws an error whose `code` is `config_invalid` where they are faulty: its message goes to standard error
   */
  load(file: string | undefined, environment: Environment): Promise<LoadedSettings<Settings>>;
  /**
   * Opens everything and resolves once the program does its work. Where it rejects it has closed again what it opened.
   * `signal` is aborted when the program is to stop before that.
   * @throws an error whose `code` is `config_invalid` where the settings do not suit this program
   */
  start(context: ProgramContext<Settings>): Promise<RunningProgram>;
}

export interface LoadedSettings<Settings> {
  readonly config: Settings;
  readonly logLevel: string;
  /** How long the program itself gives its work to end once it was asked to stop. */
  readonly drainSeconds: number;
}

export interface ProgramContext<Settings> {
  readonly config: Settings;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface RunningProgram {
  /** `http://host:port` where it listens; `null` where it does not. */
  readonly address: string | null;
  /** Finishes what is under way, within the configured time, and closes everything. Called once. */
  drain(): Promise<void>;
}

/** Exit statuses of every program. */
const EXIT = { drained: 0, crashed: 1, misconfigured: 2 } as const;

/** Beyond the program's own time limits, for closing connections. */
const CLOSING_MS = 15_000;

/**
 * Runs a program as a process: arguments, configuration, logger, signals, exit status.
 *
 * Prints one line of JSON with `msg: "ready"` and its address when it is ready, whatever the log level. SIGTERM and
 * SIGINT drain it: exit 0; a second signal, or an error that nobody handled: exit 1; a faulty configuration or wrong
 * arguments: exit 2, the faults on standard error. Never returns control that matters: it ends the process.
 */
export async function runProgram<Settings>(
  program: Program<Settings>,
  argv: readonly string[] = process.argv,
): Promise<void> {
  // A program waits for a signal even where nothing else keeps it alive. The interval is the longest there is.
  setInterval(() => undefined, 2 ** 31 - 1);
  // Before anything else, so that a signal in the first moments is a stop and not a death.
  const stopping = listenForSignals();
  const version = programVersion();
  const options = readArguments(program, version, argv);
  if ('exit' in options) return process.exit(options.exit);
  let settings: LoadedSettings<Settings>;
  try {
    settings = await program.load(options.config, process.env);
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
  stopping.onSecondSignal = () => {
    logger.fatal('a second signal: ending at once');
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
  // The one line that who started the program waits for is not subject to the log level.
  logger.child({}, { level: 'info' }).info({ address: running.address }, 'ready');

  await stopping.asked;
  logger.info({ signal: stopping.signal.reason as unknown }, 'draining');
  const limitMs = drainSeconds * 1000 + CLOSING_MS;
  const limit = setTimeout(() => {
    logger.fatal({ limitMs }, 'not drained in time: ending at once');
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
    onSecondSignal: () => process.exit(EXIT.crashed),
  };
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) return stopping.onSecondSignal();
    controller.abort(name);
    resolve();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stopping;
}

/** For a reader of the log that does not read. */
const LAST_LINES_MS = 2000;

type Destination = ReturnType<typeof pino.destination>;

/** Ends the process when the lines logged so far are written; the status of the first call counts. */
function exitOnceWritten(lines: LineBatches, destination: Destination): (status: number) => void {
  let ending = false;
  return (status) => {
    if (ending) return;
    ending = true;
    const end = (): void => process.exit(status);
    setTimeout(end, LAST_LINES_MS);
    lines.end();
    destination.once('close', end).once('error', end);
    destination.end();
  };
}

function watchForCrashes(logger: Logger, exit: (status: number) => void): void {
  let crashed = false;
  process.on('uncaughtException', (error: unknown, origin) => {
    // What breaks after the first is its consequence, and the log may be closed already.
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
): { readonly config: string | undefined } | { readonly exit: number } {
  const command = new Command(program.name)
    .description(program.description)
    .option('--config <FILE>', 'configuration file (YAML)')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addHelpText('after', helpText(program.variables))
    .exitOverride();
  try {
    command.parse(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { exit: error.exitCode === 0 ? EXIT.drained : EXIT.misconfigured };
  }
  return { config: command.opts<{ config?: string }>().config };
}

function helpText(variables: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(variables).map((name) => name.length));
  const lines = Object.entries(variables).map(([name, use]) => `  ${name.padEnd(width)}  ${use}`);
  return `
Environment:
${lines.join('\n')}

Exit status: 0 stopped by SIGTERM or SIGINT and drained, 1 crashed, 2 faulty configuration or arguments.`;
}

function isConfigurationFault(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'config_invalid';
}

function exitWithFaults(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT.misconfigured);
}

/** What can be done about the usual reasons why a program does not start. */
function startFailure(error: unknown, keys: Program<unknown>['listenKeys']): string {
  const { code, address, port } = error as { code?: unknown; address?: unknown; port?: unknown };
  const where = `${String(address)}:${String(port)}`;
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: something else does already; choose another ${keys.port}`;
    case 'EACCES':
      return `cannot listen on ${where}: not permitted; ports below 1024 need privileges`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `cannot listen on ${where}: this machine has no such address; see ${keys.host}`;
    default:
      return 'could not start';
  }
}
