import type { Environment } from '@cloud-mirror/config';
import type { Logger } from '@cloud-mirror/program';
import type { PartsConfig } from './program-schemas.ts';

/** Threads for file calls in a process of Node, unless `UV_THREADPOOL_SIZE` says otherwise. */
const DEFAULT_THREADS = 4;
const MOST_THREADS = 1024;

/**
 * How many file calls one back end may have under way. All back ends of kind `filesystem` together leave one thread to
 * the rest of the process, so a disk that hangs stops neither the log nor another disk. Warns if there are too few
 * threads for that.
 */
export function shareOfFileCalls(
  { services }: Pick<PartsConfig, 'services'>,
  environment: Environment,
  logger: Pick<Logger, 'warn'>,
): number {
  const threads = threadsOf(environment);
  const local = Object.values(services).filter(({ kind }) => kind === 'filesystem');
  const backends = local.reduce((sum, { regions }) => sum + Object.keys(regions).length, 0);
  if (backends >= threads)
    logger.warn(
      { backends, threads },
      `disks that hang can stop all file calls of this process: set UV_THREADPOOL_SIZE to at least ${4 * backends}`,
    );
  return Math.max(1, Math.floor((threads - 1) / Math.max(1, backends)));
}

/** As libuv reads the variable. */
function threadsOf({ UV_THREADPOOL_SIZE: stated }: Environment): number {
  if (stated === undefined) return DEFAULT_THREADS;
  const threads = Number.parseInt(stated, 10);
  return Number.isNaN(threads) ? 1 : Math.min(MOST_THREADS, Math.max(1, threads));
}
