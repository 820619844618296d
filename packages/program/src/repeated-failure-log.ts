import type { Logger } from './logger.ts';

/** Between two warnings of one kind. */
const QUIET_MS = 30_000;

/**
 * Logs failures of a part that is asked again and again: one kind (name and code) is a warning once in 30 seconds and
 * a debug line otherwise, so that an outage does not fill the log.
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
    warned.set(kind, now);
    logger.warn({ err: error }, 'failed');
  };
}
