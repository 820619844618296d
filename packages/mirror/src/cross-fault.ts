import type { KeyPath } from '@cloud-mirror/config';

/** A fault that a rule about several keys finds. Without `found`, the message shows the value at `path`. */
export interface CrossFault {
  readonly path: KeyPath;
  readonly expected: string;
  readonly found?: string;
}
