import type { Config } from '@cloud-mirror/mirror';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

/**
 * The configuration in `file`, or in the one that the environment names.
 * @throws UsageError with every fault
 */
export async function readConfig(file: string | undefined, context: CommandContext): Promise<Config> {
  // Not before it is needed: with it come the clients of every store, and `url` and `get` are to start at once.
  const { ConfigError } = await import('@cloud-mirror/config');
  const { loadConfig } = await import('@cloud-mirror/mirror');
  try {
    return await loadConfig(file, context.env);
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;
  }
}
