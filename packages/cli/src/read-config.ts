import type { ConfigFormat } from '@cloud-mirror/config';
import type { Config, CopierConfig, FrontendConfig } from '@cloud-mirror/mirror';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';

/**
 * Reads the configuration in `file`, or in the file that the environment names.
 * @throws UsageError with every fault
 */
export async function readConfig(file: string | undefined, context: CommandContext): Promise<Config> {
  return readProgramConfig('standalone', file, context);
}

export const PROGRAMS = ['frontend', 'copier', 'standalone'] as const;

interface ProgramSettings {
  readonly frontend: FrontendConfig;
  readonly copier: CopierConfig;
  readonly standalone: Config;
}

/**
 * Like {@link readConfig}, but reads only the sections of one program. The standalone program reads the whole file.
 * @throws UsageError with every fault
 */
export async function readProgramConfig<Name extends keyof ProgramSettings>(
  program: Name,
  file: string | undefined,
  context: CommandContext,
): Promise<ProgramSettings[Name]> {
  // Imported late, because it loads the client of every store, which would delay `url` and `get`.
  const { ConfigError, loadConfig } = await import('@cloud-mirror/config');
  const { COPIER_CONFIG, FRONTEND_CONFIG, STANDALONE_CONFIG } = await import('@cloud-mirror/mirror');
  const formats: { readonly [P in keyof ProgramSettings]: ConfigFormat<ProgramSettings[P]> } = {
    frontend: FRONTEND_CONFIG.format,
    copier: COPIER_CONFIG.format,
    standalone: STANDALONE_CONFIG.format,
  };
  try {
    return await loadConfig(formats[program], file, context.env);
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;
  }
}
