/**
 * Tells other processes that a document may have changed. A message is only a reason to look: messages may be lost, and
 * whoever misses one finds the change at its next regular look.
 */
export interface WakeUps extends AsyncDisposable {
  /** Wakes the other processes. Never rejects, because the change itself is already safe in the store. */
  publish(document: string): Promise<void>;
  /** @param onWake called with the name of a document, or with null when messages may have been missed */
  subscribe(onWake: (document: string | null) => void): void;
}

/** For a single process, and where no Redis is configured. */
export class NoWakeUps implements WakeUps {
  async publish(): Promise<void> {
    // Nobody listens.
  }

  subscribe(): void {
    // Nothing is ever published.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open.
  }
}
