import type { IncomingMessage, ServerResponse } from 'node:http';
import { lineWriter, withoutQueries } from '@cloud-mirror/program/log-lines';
import type { Logger } from '@cloud-mirror/program';
import type { RequestRecord } from './request-context.ts';

/** What a record adds to a line, as JSON without its braces. May be kept for other requests of which the same is to say. */
export type LoggedRecord = string & { readonly loggedRecord: true };

/**
 * One line for each request, in the form of the program's logger. Put together here: by that logger, which looks at each
 * field and at the whole line again, it took a quarter of a hit's time. What it may say of an object is in the record; the
 * address itself is never logged.
 */
export class AccessLog {
  readonly #write: (line: string) => void;
  readonly #enabled: boolean;
  /** What follows the time in every line. */
  readonly #program: string;
  /** How lines of this millisecond begin. */
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
   * The line's `status` is null where none was sent; `clientGone` is there where the client did not get the whole answer.
   *
   * @param requestId as `requestIdOf` has it: nothing in it needs escaping
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

  /** Up to the request's identifier. Many requests end within one millisecond. */
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
