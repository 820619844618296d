/** The command was understood and could not be done: exit status 1. The message names the fault and a remedy. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line, its environment or a configuration is at fault: exit status 2. The message names a remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
