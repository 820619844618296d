import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
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
      hooks: { streamWrite: (line) => escapeDeceptive(withoutQueries(line)) },
      onChild: (child) => rememberStream(child, stream),
    },
    stream,
  );
  rememberStream(logger, stream);
  return logger;
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

/** Name, message, code and stack of an error and its causes. Queries of URLs are removed, because they may be signed. */
export function describeError(error: unknown): DescribedError {
  return describe(error, LONGEST_CHAIN);
}

function describe(error: unknown, depth: number): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error, message: withoutQuery(textOf(error)) };
  const { code, retryable, status, cause } = error as Error & Record<string, unknown>;
  return {
    name: error.name,
    message: withoutQuery(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(error.stack === undefined ? {} : { stack: withoutQuery(error.stack) }),
    ...(cause === undefined || cause === null || depth <= 1 ? {} : { cause: describe(cause, depth - 1) }),
    ...(error instanceof AggregateError && depth > 1 ? { errors: describeMembers(error, depth - 1) } : {}),
  };
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
