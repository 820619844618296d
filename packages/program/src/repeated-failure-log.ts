import type { Logger } from './logger.ts';

/** The minimum time between two warnings of one kind. */
const QUIET_MS = 30_000;
/** Kinds that are remembered. The code of an error may be the text of another system. */
const MOST_KINDS = 1_000;

/**
 * Logs the failures of a part that is called continually. Each kind of failure (name and code) is logged as a warning at
 * most once in 30 seconds, and otherwise at level debug, so that an outage does not flood the log.
 */
export function repeatedFailureLog(logger: Logger): (error: Error) => void {
  const warned = new Map<string, number>();
  return (error) => {
    const { code } = error as { readonly code?: unknown };
    const kind = `${error.name} ${typeof code === 'string' ? code : ''}`;
    const now = performance.now();
    const last = warned.get(kind);
    if (last !== undefined && now - last < QUIET_MS) {
      logger.debug({ err: error }, 'failed again');
      return;
    }
    if (warned.size >= MOST_KINDS) warned.clear();
    warned.set(kind, now);
    logger.warn({ err: error }, 'failed');
  };
}
