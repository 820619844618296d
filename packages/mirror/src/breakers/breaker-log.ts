import type { Logger } from '@cloud-mirror/program';

/** Logs when the breaker of a part opens and closes. */
export function breakerLog(
  logger: Logger,
  of: { readonly part: string; readonly backend?: string },
): (open: boolean) => void {
  return (open) => {
    if (open)
      logger.warn(of, 'a part does not answer: the breaker is open, and one call at a time tries it again');
    else logger.info(of, 'the part answers again: the breaker is closed');
  };
}
