import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';

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
  return pino(
    {
      level,
      base: { program, version },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      serializers: { err: describeError, error: describeError, cause: describeError },
      // The last gate, whatever field or message an address is in.
      hooks: { streamWrite: withoutQueries },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
}

/**
 * Writes lines where `logger` writes its own, among them and in their order. Nothing is looked at: that each is JSON, and
 * says no secret, is up to the caller.
 */
export function lineWriter(logger: Logger): (line: string) => void {
  const holder = logger as unknown as Record<symbol, DestinationStream>;
  const stream = holder[pino.symbols.streamSym];
  if (stream === undefined) throw new TypeError('no logger of this program');
  return (line) => stream.write(line);
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
}

const LONGEST_CHAIN = 8;

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
  };
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'something that is no error';
  }
}

/**
 * `text` with the query of every http(s) address in it replaced by `?…`, and credentials before a host by `…@`.
 * Signed queries are as good as the object they lead to, so they are never logged.
 */
export function withoutQuery(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]*@/gi, '$1…@')
    .replace(/(\bhttps?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1?…');
}

/** As {@link withoutQuery}, for JSON: an address ends at an escaped quote or line break, and escapes stay whole. */
export function withoutQueries(line: string): string {
  if (!line.includes('://')) return line;
  return line
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>\\]*@/gi, '$1…@')
    .replace(/(\bhttps?:\/\/[^\s?"'<>\\]*)\?(?:[^\s"'<>\\]|\\[^"nrt])*/gi, '$1?…');
}
