/** The command is valid but failed: exit status 1. The message names the fault and a remedy. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line, the environment or a configuration is invalid: exit status 2. The message names a remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
