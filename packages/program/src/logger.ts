import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { rememberStream, withoutQueries, withoutQuery } from './log-lines.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly level: string;
  readonly program: string;
  readonly version: string;
  /** Where lines go; standard output where it is left out. */
  readonly destination?: DestinationStream | undefined;
}

/**
 * One JSON object a line: `level` as a word, `time` as ISO 8601, `program`, `version`, `msg`, and what the event has.
 * Credentials do not get into it: headers and fields that carry them are masked, errors lose the queries of addresses.
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
      // The last gate, whatever field or message an address is in.
      hooks: { streamWrite: withoutQueries },
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

/** An error as lines of the log show it. */
export interface DescribedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly retryable?: boolean;
  readonly status?: number;
  readonly stack?: string;
  readonly cause?: DescribedError;
  /** Of an AggregateError, such as one for each address that was tried; at most four. */
  readonly errors?: readonly DescribedError[];
}

const LONGEST_CHAIN = 8;
const MOST_ERRORS = 4;

/** Name, message, code and stack of an error and of its causes; queries of addresses left out, they may be signed. */
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
    return 'something that is no error';
  }
}
