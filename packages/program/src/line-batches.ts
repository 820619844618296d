/** The destination of the batches, such as a pino destination. */
export interface LineSink {
  write(text: string): unknown;
  flushSync(): void;
  /** Calls the listener when everything has been written. Absent if `write` itself writes. */
  once?(event: 'drain', listener: () => void): unknown;
}

const BATCH_CHARACTERS = 65_536;
const LONGEST_WAIT_MS = 100;

/**
 * Buffers log lines and writes them in batches, because single writes took a third of a busy front end's time. A line
 * waits at most a tenth of a second. `flushSync`, which pino calls for `fatal` lines, writes at once.
 */
export class LineBatches implements LineSink {
  readonly #sink: LineSink;
  #lines: string[] = [];
  #characters = 0;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    if (this.#ended) return;
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= BATCH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), LONGEST_WAIT_MS).unref();
  }

  /** Passes the buffered lines to the destination. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    this.#sink.write(text);
  }

  /** Flushes, and drops all later lines: the process ends before they could be written. */
  end(): void {
    this.flush();
    this.#ended = true;
  }

  /** Passes on the buffered lines, and resolves when the destination has written everything. */
  async drained(): Promise<void> {
    if (this.#sink.once === undefined) return this.flush();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sink.once('drain', resolve);
    this.flush();
    await promise;
  }

  flushSync(): void {
    this.flush();
    this.#sink.flushSync();
  }
}
