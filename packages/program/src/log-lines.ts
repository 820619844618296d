/*
 * The parts of the logger that the access log needs. Imports nothing at run time, so that the access log does not load
 * pino.
 */
import type { DestinationStream, Logger } from 'pino';

/** The stream to which each logger of this program writes. */
const streams = new WeakMap<Logger, DestinationStream>();

/** Registers the stream of a logger for {@link lineWriter}. `createLogger` calls it for each logger and child. */
export function rememberStream(logger: Logger, stream: DestinationStream): void {
  streams.set(logger, stream);
}

/**
 * Writes complete lines to the stream of `logger`, in order with the lines that the logger writes itself. The caller
 * ensures that each line is JSON and contains no secret.
 * @throws TypeError if `createLogger` did not create the logger
 */
export function lineWriter(logger: Logger): (line: string) => void {
  const stream = streamOf(logger);
  return (line) => stream.write(line);
}

/**
 * Resolves when the lines written so far have left this process. Call it right after a write: the stream of a process
 * reports only the end of a write that is under way.
 * @throws TypeError if `createLogger` did not create the logger
 */
export async function drained(logger: Logger): Promise<void> {
  const stream = streamOf(logger) as DestinationStream & { readonly drained?: () => Promise<void> };
  await stream.drained?.();
}

function streamOf(logger: Logger): DestinationStream {
  const stream = streams.get(logger);
  if (stream === undefined) throw new TypeError('createLogger did not create this logger');
  return stream;
}

/**
 * Replaces the query of every http(s) URL in `text` by `?…`, and credentials before a host by `…@`. Whoever has a signed
 * URL has access to its object, so queries are never logged.
 */
export function withoutQuery(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]*@/gi, '$1…@')
    .replace(/(\bhttps?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1?…');
}

/** Like {@link withoutQuery}, for JSON: a URL ends at an escaped quote or line break, and no escape is cut in two. */
export function withoutQueries(line: string): string {
  if (!line.includes('://')) return line;
  return line
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>\\]*@/gi, '$1…@')
    .replace(/(\bhttps?:\/\/[^\s?"'<>\\]*)\?(?:[^\s"'<>\\]|\\[^"nrt])*/gi, '$1?…');
}

/**
 * Characters that change how a terminal, an editor or a log reader shows the text around them, and that JSON allows
 * unescaped: DEL and C1 controls (U+009B begins a terminal command), line separators (U+2028, U+2029), and all format
 * characters (Unicode category Cf): bidirectional controls, invisible characters, tags.
 */
const DECEPTIVE = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Escapes deceptive characters as JSON does, `\u009b`. Within a JSON string the value stays the same. Other controls are
 * already escaped in JSON; in other texts, line breaks stay.
 */
export function escapeDeceptive(text: string): string {
  return text.replace(DECEPTIVE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
