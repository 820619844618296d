import type { Writable } from 'node:stream';

/** What a command has of the process that runs it. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  /** Where messages and progress go. `isTTY` tells a terminal. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborted when the process is told to end. */
  readonly signal: AbortSignal;
}
