/*
 * What the access log needs of the logger. Imports no module at run time, so that whoever writes log lines does not
 * load pino.
 */
import type { DestinationStream, Logger } from 'pino';

/** The stream that each logger of this program writes to. */
const streams = new WeakMap<Logger, DestinationStream>();

/** Makes {@link lineWriter} work for `logger`. Called by `createLogger` for each logger and for its children. */
export function rememberStream(logger: Logger, stream: DestinationStream): void {
  streams.set(logger, stream);
}

/**
 * Writes finished lines to the stream of `logger`, in order with the lines that the logger writes itself. The caller
 * makes sure that each line is JSON and holds no secret.
 * @throws TypeError where `createLogger` did not make the logger
 */
export function lineWriter(logger: Logger): (line: string) => void {
  const stream = streams.get(logger);
  if (stream === undefined) throw new TypeError('createLogger did not make this logger');
  return (line) => stream.write(line);
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
