import type { Preferences } from './prefer.ts';

/** How long a request waits for a copy, and what it gets when the time is over. */
export interface Wait {
  readonly waitMs: number;
  /** Whether to answer 202 at the end of the wait, instead of a redirect to the origin. */
  readonly respondAsync: boolean;
  /** The seconds that the client asked for, at most the server's maximum; null if it did not ask. */
  readonly preferred: number | null;
}

/** A client that states no preference waits for the server's maximum. `respond-async` without `wait` means not to wait. */
export function waitFor({ waitSeconds, respondAsync }: Preferences, maxWaitSeconds: number): Wait {
  const preferred = waitSeconds === null ? null : Math.min(waitSeconds, maxWaitSeconds);
  const seconds = preferred ?? (respondAsync ? 0 : maxWaitSeconds);
  return { waitMs: seconds * 1000, respondAsync, preferred };
}
