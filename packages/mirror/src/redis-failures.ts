import type { EntryStore } from '@cloud-mirror/entry-store';
import { repeatedFailureLog, type Logger } from '@cloud-mirror/program';
import { refusalIn } from '@cloud-mirror/redis';
import { runWithin } from '@cloud-mirror/waiting';

/** Logs the failures of a connection to Redis. If Redis refuses, the line has its word and the remedy. */
export function redisFailureLog(logger: Logger): (error: Error) => void {
  return repeatedFailureLog(logger, (error) => {
    const refusal = refusalIn(error);
    if (refusal === null) return null;
    const { word, advice } = refusal;
    return { fields: { refusal: word }, message: `Redis refuses: ${word}: ${advice}` };
  });
}

/** A part in Redis that fails, as `/readyz` shows it. */
export interface FailingRedis {
  readonly status: 'failing';
  /** The code of the error. */
  readonly cause: string;
  /** If Redis answers but refuses: its word, and the remedy. */
  readonly detail?: string;
}

/** What `/readyz` says of a failure; null if there is none. */
export function failingRedis(error: unknown): FailingRedis | null {
  if (error === null) return null;
  const refusal = refusalIn(error);
  const code = (error as { readonly code?: unknown }).code;
  return {
    status: 'failing',
    cause: error instanceof DOMException ? 'time_limit' : typeof code === 'string' ? code : 'unknown',
    ...(refusal === null ? {} : { detail: `${refusal.word}: ${refusal.advice}` }),
  };
}

const CHECK_LIMIT = {
  limitMs: 2_000,
  reason: () => new DOMException('no answer in time', 'TimeoutError'),
};
const FRESH_MS = 5_000;

/** Checks whether the entry store answers. Since `/readyz` is public, one check serves all requests for some seconds. */
export class EntriesCheck {
  readonly #entries: Pick<EntryStore, 'check'>;
  readonly #onFailure: (error: Error) => void;
  #latest: Promise<FailingRedis | null> | null = null;
  #checkedAtMs = 0;

  /** @param logger gets the failures, since a program may make no other call for a long time */
  constructor(entries: Pick<EntryStore, 'check'>, logger: Logger) {
    this.#entries = entries;
    this.#onFailure = redisFailureLog(logger.child({ part: 'entries' }));
  }

  /** Never rejects. */
  failing(): Promise<FailingRedis | null> {
    const now = performance.now();
    if (this.#latest === null || now - this.#checkedAtMs > FRESH_MS) {
      this.#checkedAtMs = now;
      this.#latest = runWithin(CHECK_LIMIT, () => this.#entries.check()).then(
        () => null,
        (error: unknown) => {
          this.#onFailure(error as Error);
          return failingRedis(error);
        },
      );
    }
    return this.#latest;
  }
}
