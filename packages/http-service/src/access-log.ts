import type { IncomingMessage, ServerResponse } from 'node:http';
import { escapeDeceptive, lineWriter, withoutQueries } from '@cloud-mirror/program/log-lines';
import type { Logger } from '@cloud-mirror/program';
import type { RequestRecord } from './request-context.ts';

/** A record as JSON without its braces. May be reused for other requests that have the same record. */
export type LoggedRecord = string & { readonly loggedRecord: true };

/**
 * Writes one line per request, in the format of the program's logger. Builds the line itself, because that logger
 * examines each field and then the whole line, which took a quarter of a hit's time. The record says what is known of
 * the object; its URL is never logged.
 */
export class AccessLog {
  readonly #write: (line: string) => void;
  readonly #enabled: boolean;
  /** The fields after `time` in every line. */
  readonly #program: string;
  /** The beginning of all lines of this millisecond. */
  #start = '';
  #startMs = 0;

  constructor(logger: Logger) {
    this.#write = lineWriter(logger);
    this.#enabled = logger.isLevelEnabled('info');
    this.#program = JSON.stringify(logger.bindings()).slice(1, -1);
  }

  static recordOf(record: RequestRecord): LoggedRecord {
    return escapeDeceptive(withoutQueries(JSON.stringify(record).slice(1, -1))) as LoggedRecord;
  }

  /**
   * Writes the line of one request. `status` is null if no status was sent; `clientGone` is present if the client did not
   * receive the whole response.
   *
   * @param requestId from `requestIdOf`, so nothing in it needs escaping
   * @param durationMs the time from the request's arrival to the end of its response
   */
  logRequest(
    { method }: IncomingMessage,
    { statusCode, writableFinished, headersSent }: ServerResponse,
    { requestId, record, durationMs }: { requestId: string; record: LoggedRecord; durationMs: number },
  ): void {
    if (!this.#enabled) return;
    const gone = writableFinished ? '' : ',"clientGone":true';
    const status = writableFinished || headersSent ? statusCode : null;
    const duration = Math.round(durationMs * 1000) / 1000;
    const id = requestId.includes('://') ? withoutQueries(requestId) : requestId;
    this.#write(
      `${this.#startNow()}${id}","method":"${method}","status":${status},"durationMs":${duration}${gone},${record},"msg":"request"}\n`,
    );
  }

  /** The line up to the request's identifier; cached, because many requests end within one millisecond. */
  #startNow(): string {
    const now = Date.now();
    if (now !== this.#startMs) {
      this.#startMs = now;
      const time = new Date(now).toISOString();
      this.#start = `{"level":"info","time":"${time}",${this.#program},"requestId":"`;
    }
    return this.#start;
  }
}
