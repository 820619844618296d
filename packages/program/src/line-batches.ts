/** Where batches go: a destination of pino. */
export interface LineSink {
  write(text: string): unknown;
  flushSync(): void;
}

const BATCH_CHARACTERS = 65_536;
const LONGEST_WAIT_MS = 100;

/**
 * Log lines on their way, written many at a time: one by one they took a third of a busy front end's time. A line waits a
 * tenth of a second at the most, and none where the logger says that the process is about to end (`fatal`).
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

  /** Hands on what is waiting. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    this.#sink.write(text);
  }

  /** Hands on what is waiting; lines that come later are lost, as the process is gone before they are written. */
  end(): void {
    this.flush();
    this.#ended = true;
  }

  flushSync(): void {
    this.flush();
    this.#sink.flushSync();
  }
}
