import { loadConfig } from '@cloud-mirror/config';
import type { Environment } from '@cloud-mirror/config';
import { openMetricsRegistry, runProgram, secretsOf } from '@cloud-mirror/program';
import type { Logger } from '@cloud-mirror/program';
import { openAdapters } from './adapters.ts';
import type { Adapters } from './adapters.ts';
import { addConfigSecrets } from './config-secrets.ts';
import { prepareBackends } from './prepare-backends.ts';
import type { ProgramConfig } from './program-configs.ts';
import type { PartsConfig } from './program-schemas.ts';
import { requireSharedParts } from './shared-parts.ts';

/** Everything that `runMirrorProgram` opens for a program. */
export interface MirrorParts<Settings> {
  readonly config: Settings;
  readonly adapters: Adapters;
  /** Its metric names begin with `cloud_mirror_`. */
  readonly registry: ReturnType<typeof openMetricsRegistry>;
  readonly logger: Logger;
  /** For resources that the program opens itself. Disposed in reverse order after the drain or a failed start. */
  readonly resources: AsyncDisposableStack;
}

export interface MirrorProgram<Settings extends PartsConfig & { readonly log: { readonly level: string } }> {
  /** The name in logs and help: `cloud-mirror-frontend`. */
  readonly name: string;
  readonly description: string;
  readonly config: ProgramConfig<Settings>;
  /** Resolves when the program is ready. */
  start(parts: MirrorParts<Settings>): Promise<StartedProgram>;
}

export interface StartedProgram {
  /** `http://host:port`; null if the program does not listen. */
  readonly address: string | null;
  /** The addresses of other listeners, by name. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Finishes the work in progress, within the configured time. */
  drain(): Promise<void>;
}

/**
 * Runs a program of the mirror as a process (see `runProgram`): reads its configuration, opens the adapters and the
 * metrics registry, starts the program, and prepares its back ends concurrently. Closes everything after the drain.
 */
export async function runMirrorProgram<
  Settings extends PartsConfig & { readonly log: { readonly level: string } },
>(program: MirrorProgram<Settings>): Promise<void> {
  const { name, description } = program;
  let loadedEnvironment: Environment = {};
  const { format, variables, listenKeys, drainSeconds, isApart } = program.config;
  await runProgram<Settings>({
    name,
    description,
    variables,
    listenKeys,
    async load(file, environment) {
      loadedEnvironment = environment;
      const config = await loadConfig(format, file, environment);
      return { config, logLevel: config.log.level, drainSeconds: drainSeconds(config) };
    },
    async start({ config, logger, signal }) {
      if (isApart) requireSharedParts(config);
      addConfigSecrets(config, secretsOf(logger).always);
      await using opening = new AsyncDisposableStack();
      const registry = openMetricsRegistry('cloud_mirror_');
      const adapters = opening.use(await openAdapters(config, { logger, environment: loadedEnvironment }));
      const started = await program.start({
        config,
        adapters,
        registry,
        logger,
        resources: opening,
      });
      const preparing = prepareBackends(adapters, config, { logger, signal });
      const resources = opening.move();
      return {
        address: started.address,
        addresses: started.addresses ?? {},
        async drain() {
          await started.drain();
          await preparing;
          await resources.disposeAsync();
        },
      };
    },
  });
}
