import type { Writable } from 'node:stream';

/** The parts of the process that a command uses. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  /** For messages and progress. `isTTY` is true for a terminal. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborted when the process receives a signal to end. */
  readonly signal: AbortSignal;
}
