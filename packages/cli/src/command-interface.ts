import type { Readable, Writable } from 'node:stream';

/** The parts of the process that a command uses. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For commands that filter. Others do not read it. */
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** For messages and progress. `isTTY` is true for a terminal. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborted when the process receives a signal to end. */
  readonly signal: AbortSignal;
}

/** The command is valid but failed: exit status 1. The message names the fault and a remedy. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line, the environment or a configuration is invalid: exit status 2. The message names a remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
