import type { Preferences } from './prefer.ts';

/** How long a request waits for a copy, and what follows. */
export interface Wait {
  readonly waitMs: number;
  /** Afterwards: 202 instead of the origin. */
  readonly respondAsync: boolean;
  /** Seconds that the client asked for, as far as the server's maximum lets them count; `null` where it did not ask. */
  readonly preferred: number | null;
}

/** Without a word of the client it waits as long as the server lets it; asking not to wait means at once. */
export function waitFor({ waitSeconds, respondAsync }: Preferences, maxWaitSeconds: number): Wait {
  const preferred = waitSeconds === null ? null : Math.min(waitSeconds, maxWaitSeconds);
  const seconds = preferred ?? (respondAsync ? 0 : maxWaitSeconds);
  return { waitMs: seconds * 1000, respondAsync, preferred };
}
