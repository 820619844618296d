import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { LogSecrets } from './redaction/log-secrets.ts';
import { redactLine } from './redaction/redact-line.ts';
import { escapeDeceptive, rememberStream, withoutQueries, withoutQuery } from './log-lines.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly level: string;
  readonly program: string;
  readonly version: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream | undefined;
}

/**
 * Creates a logger that writes one JSON object per line: `level` as a word, `time` as ISO 8601, `program`, `version`,
 * `msg`, and the fields of the event. Masks headers and fields that contain credentials, and removes queries from URLs.
 * Escapes characters that would change how a reader shows the line.
 */
export function createLogger({ level, program, version, destination }: LoggerOptions): Logger {
  const secrets = new LogSecrets();
  const stream = destination ?? pino.destination({ dest: 1, sync: false });
  const logger = pino(
    {
      level,
      base: { program, version },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      serializers: { err: describeError, error: describeError, cause: describeError },
      // The last line of defence: covers URLs in any field or message.
      hooks: { streamWrite: (line) => escapeDeceptive(withoutQueries(redactLine(line, secrets))) },
      onChild: (child) => {
        rememberStream(child, stream);
        secretsOfLoggers.set(child, secrets);
      },
    },
    stream,
  );
  rememberStream(logger, stream);
  secretsOfLoggers.set(logger, secrets);
  return logger;
}

const secretsOfLoggers = new WeakMap<Logger, LogSecrets>();

/**
 * The secrets that the logger and its children keep out of their lines.
 * @throws TypeError if `createLogger` did not create the logger
 */
export function secretsOf(logger: Logger): LogSecrets {
  const secrets = secretsOfLoggers.get(logger);
  if (secrets === undefined) throw new TypeError('createLogger did not create this logger');
  return secrets;
}

const SECRET_NAMES = [
  'authorization',
  'Authorization',
  '["proxy-authorization"]',
  'cookie',
  'Cookie',
  '["set-cookie"]',
  '["x-amz-security-token"]',
  'token',
  'password',
  'secret',
  'secretAccessKey',
];

const SECRET_FIELDS = SECRET_NAMES.flatMap((name) => {
  const dot = name.startsWith('[') ? '' : '.';
  return [name, `*${dot}${name}`, `*.*${dot}${name}`];
});

/** An error in the form in which it is logged. */
export interface DescribedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly retryable?: boolean;
  readonly status?: number;
  readonly stack?: string;
  readonly cause?: DescribedError;
  /** The first four errors of an AggregateError, such as one for each IP address that was tried. */
  readonly errors?: readonly DescribedError[];
}

const LONGEST_CHAIN = 8;
const MOST_ERRORS = 4;
/** Messages of others may contain whole answers. */
const LONGEST_MESSAGE = 1_000;
const LONGEST_STACK = 4_000;

/** Name, message, code and stack of an error and its causes. Queries of URLs are removed, because they may be signed. */
export function describeError(error: unknown): DescribedError {
  return describe(error, LONGEST_CHAIN);
}

function describe(error: unknown, depth: number): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error, message: cut(textOf(error), LONGEST_MESSAGE) };
  const { code, retryable, status, cause } = error as Error & Record<string, unknown>;
  return {
    name: error.name,
    message: cut(error.message, LONGEST_MESSAGE),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(error.stack === undefined ? {} : { stack: cut(error.stack, LONGEST_STACK) }),
    ...(cause === undefined || cause === null || depth <= 1 ? {} : { cause: describe(cause, depth - 1) }),
    ...(error instanceof AggregateError && depth > 1 ? { errors: describeMembers(error, depth - 1) } : {}),
  };
}

function cut(text: string, longest: number): string {
  return withoutQuery(text.length > longest ? `${text.slice(0, longest)}…` : text);
}

function describeMembers({ errors }: AggregateError, depth: number): DescribedError[] {
  return errors.slice(0, MOST_ERRORS).map((member: unknown) => describe(member, depth));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a thrown value that is not an error';
  }
}
