import type { KeyPath } from '@cloud-mirror/config';

/** What a rule that looks at several keys objects to. `found` where the value at `path` does not say it by itself. */
export interface CrossFault {
  readonly path: KeyPath;
  readonly expected: string;
  readonly found?: string;
}
