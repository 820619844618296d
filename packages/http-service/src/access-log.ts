import type { IncomingMessage, ServerResponse } from 'node:http';
import { lineWriter, withoutQueries } from '@cloud-mirror/program/log-lines';
import type { Logger } from '@cloud-mirror/program';
import type { RequestRecord } from './request-context.ts';

/** The fields of a record as JSON, without the braces. May be kept for further requests with the same record. */
export type LoggedRecord = string & { readonly loggedRecord: true };

/**
 * One line for each request, in the form of the program's logger. The line is built here because the logger examines each field
 * and the whole line again, which took a quarter of a hit's time. The record holds what the log may say of an object. The request
 * target itself is never logged.
 */
export class AccessLog {
  readonly #write: (line: string) => void;
  readonly #enabled: boolean;
  /** The fields that follow the time in every line. */
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
    return withoutQueries(JSON.stringify(record).slice(1, -1)) as LoggedRecord;
  }

  /**
   * The line's `status` is null where none was sent. It has `clientGone` where the client did not get the whole answer.
   *
   * @param requestId from `requestIdOf`: nothing in it needs escaping
   * @param durationMs time from the request's arrival to the end of its answer
   */
  tell(
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

  /** The line up to the request identifier. Kept, because many requests end within one millisecond. */
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
