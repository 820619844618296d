import type { Logger } from './logger.ts';

/** The minimum time between two warnings of one kind. */
const QUIET_MS = 30_000;
/** Kinds that are remembered. The code of an error may be the text of another system. */
const MOST_KINDS = 1_000;

/** What the log says about a failure whose cause is known. */
export interface FailureExplanation {
  /** Fields of the log line. */
  readonly fields: Readonly<Record<string, string>>;
  /** The cause, and the remedy. */
  readonly message: string;
}

/**
 * Logs the failures of a part that is called continually. Each kind of failure (name, code and explanation) is logged as a
 * warning at most once in 30 seconds, and otherwise at level debug, so that an outage does not flood the log.
 * @param explain returns null for failures that it does not know
 */
export function repeatedFailureLog(
  logger: Logger,
  explain: (error: Error) => FailureExplanation | null = () => null,
): (error: Error) => void {
  const warned = new Map<string, number>();
  return (error) => {
    const { code } = error as { readonly code?: unknown };
    const explanation = explain(error);
    const kind = `${error.name} ${typeof code === 'string' ? code : ''} ${explanation?.message ?? ''}`;
    const now = performance.now();
    const last = warned.get(kind);
    if (last !== undefined && now - last < QUIET_MS) {
      logger.debug({ err: error }, 'failed again');
      return;
    }
    if (warned.size >= MOST_KINDS) warned.clear();
    warned.set(kind, now);
    logger.warn({ ...explanation?.fields, err: error }, explanation?.message ?? 'failed');
  };
}
