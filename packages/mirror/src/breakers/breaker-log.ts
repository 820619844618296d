import type { Logger } from '@cloud-mirror/program';

/** Tells the operator when a part is not asked any more, and when it is again. */
export function breakerLog(
  logger: Logger,
  of: { readonly part: string; readonly backend?: string },
): (open: boolean) => void {
  return (open) => {
    if (open) logger.warn(of, 'a part does not answer: it is asked once in a while only');
    else logger.info(of, 'the part answers again');
  };
}
