import { createHash, randomBytes } from 'node:crypto';
import { escapeDeceptive, withoutQueries } from '../log-lines.ts';
import { AuditWriteError, type AuditSink } from './audit-sink.ts';

/**
 * A change begins and ends. A `read` changes nothing, and a `refused` call was not made. `recovered` tells of a line that
 * a crash cut off.
 */
export type AuditEvent = 'begun' | 'ended' | 'read' | 'refused' | 'recovered';

/** The fields of one line: JSON values without a secret. */
export type AuditFacts = Readonly<Record<string, unknown>>;

/** The last line of a chain, or its beginning. */
export interface ChainEnd {
  /** A random name, chosen when the chain begins. */
  readonly chain: string;
  /** The number of the last line; 0 if there is none. */
  readonly seq: number;
  /** SHA-256 of the last line without its line feed, in hex; {@link NO_LINE} if there is none. */
  readonly digest: string;
}

/** `prev` of the first line of a chain. */
export const NO_LINE = '0'.repeat(64);

export function newChain(): ChainEnd {
  return { chain: randomBytes(6).toString('hex'), seq: 0, digest: NO_LINE };
}

export interface AuditTrailOptions {
  /** The last line that the sink already has. */
  readonly end: ChainEnd;
  /** The fields of every line, such as the name of the program. */
  readonly bindings: AuditFacts;
  /** How long writing a line may take. */
  readonly limitMs: number;
}

/** Lines that wait while the sink writes. Further ones are refused. */
const MOST_WAITING = 1_000;
/** Lines that are written, and flushed, together. */
const MOST_TOGETHER = 100;

interface WaitingLine {
  readonly event: AuditEvent;
  readonly facts: AuditFacts;
  readonly time: string;
  readonly written: (seq: number) => void;
  readonly failed: (error: Error) => void;
}

/**
 * The audit stream of one process: numbered lines of JSON, each with the SHA-256 of the line before. Whoever changes,
 * removes or inserts a line breaks the chain, unless they write all later lines anew as well.
 */
export class AuditTrail implements AsyncDisposable {
  readonly #sink: AuditSink;
  readonly #limitMs: number;
  /** The fields after `time` in every line. */
  readonly #bindings: string;
  #end: ChainEnd;
  #waiting: WaitingLine[] = [];
  #writing: Promise<void> | null = null;
  /** Whether a write has exceeded the time limit and is still under way. */
  #overdue = false;

  constructor(sink: AuditSink, { end, bindings, limitMs }: AuditTrailOptions) {
    this.#sink = sink;
    this.#end = end;
    this.#limitMs = limitMs;
    this.#bindings = JSON.stringify(bindings).slice(1, -1);
  }

  /**
   * Appends a line, and resolves once it is written and flushed.
   * @returns the number of the line
   * @throws AuditWriteError if that failed or exceeded the time limit
   */
  async append(event: AuditEvent, facts: AuditFacts): Promise<number> {
    if (this.#overdue || this.#waiting.length >= MOST_WAITING)
      throw new AuditWriteError('earlier lines of the audit stream are not written yet');
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const time = new Date().toISOString();
    this.#waiting.push({ event, facts, time, written: resolve, failed: reject });
    this.#writing ??= this.#writeWaiting();
    const limit = setTimeout(() => {
      this.#overdue = true;
      reject(new AuditWriteError(`the audit stream took longer than ${this.#limitMs} ms`));
    }, this.#limitMs);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
    }
  }

  /** Waits for the lines under way, within the time limit, and closes the sink. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, this.#limitMs);
    const closed = Promise.resolve(this.#writing).then(() => this.#sink.close());
    try {
      await Promise.race([closed, late]);
    } finally {
      clearTimeout(limit);
    }
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MOST_TOGETHER);
      this.#waiting = this.#waiting.slice(MOST_TOGETHER);
      const { text, end } = this.#chained(batch);
      const first = this.#end.seq + 1;
      try {
        await this.#sink.append(text);
        this.#end = end;
        for (const [index, line] of batch.entries()) line.written(first + index);
      } catch (cause) {
        if (this.#sink.keepsFailedLines) this.#end = end;
        const error =
          cause instanceof AuditWriteError
            ? cause
            : new AuditWriteError('the audit stream cannot be written', { cause });
        for (const line of batch) line.failed(error);
      }
      this.#overdue = false;
    }
    this.#writing = null;
  }

  #chained(batch: readonly WaitingLine[]): { readonly text: string; readonly end: ChainEnd } {
    let { seq, digest } = this.#end;
    const { chain } = this.#end;
    let text = '';
    for (const { event, facts, time } of batch) {
      seq += 1;
      const place = JSON.stringify({ audit: true, chain, seq, prev: digest, event, ...facts }).slice(1, -1);
      const fields = `${this.#bindings},${place},"msg":"operator call ${event}"`;
      const line = `{"level":"info","time":"${time}",${escapeDeceptive(withoutQueries(fields))}}`;
      digest = createHash('sha256').update(line).digest('hex');
      text += `${line}\n`;
    }
    return { text, end: { chain, seq, digest } };
  }
}
