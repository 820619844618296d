import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** One line of a program's log: the fields of its JSON, or `{ raw }` if it is not a JSON object. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface LogLinesOptions {
  /** The number of lines to keep. Default: all. */
  readonly keep?: number;
  /** Called with the text of each line. */
  readonly onLine?: (text: string) => void;
}

/** Collects the lines that a program prints. */
export class LogLines {
  readonly lines: LogLine[] = [];
  readonly #watchers = new Set<(line: LogLine) => void>();
  readonly #ended: Promise<void>;

  readonly #keep: number;

  constructor(stream: Readable, options: LogLinesOptions = {}) {
    this.#keep = options.keep ?? Infinity;
    const reader = createInterface({ input: stream });
    reader.on('line', (text) => {
      this.#take(parsed(text));
      options.onLine?.(text);
    });
    this.#ended = new Promise((resolve) => reader.once('close', resolve));
  }

  /** Resolves when the stream has ended and `lines` is complete. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Waits for the first line, past or future, that `matches`. Rejects if `signal` is aborted. */
  async find(matches: (line: LogLine) => boolean, signal: AbortSignal): Promise<LogLine> {
    const present = this.lines.find(matches);
    if (present !== undefined) return present;
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const watch = (line: LogLine): void => {
      if (matches(line)) resolve(line);
    };
    const onAbort = (): void => reject(signal.reason as Error);
    this.#watchers.add(watch);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await promise;
    } finally {
      this.#watchers.delete(watch);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The last lines as text, for error messages. */
  tail(count: number): string {
    return this.lines
      .slice(-count)
      .map((line) => (typeof line.raw === 'string' ? line.raw : JSON.stringify(line)))
      .join('\n');
  }

  #take(line: LogLine): void {
    this.lines.push(line);
    if (this.lines.length > this.#keep) this.lines.shift();
    for (const watch of this.#watchers) watch(line);
  }
}

function parsed(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as LogLine)
      : { raw: text };
  } catch {
    return { raw: text };
  }
}
