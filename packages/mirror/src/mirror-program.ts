import { loadConfig } from '@cloud-mirror/config';
import type { Environment } from '@cloud-mirror/config';
import { openMetricsRegistry, runProgram } from '@cloud-mirror/program';
import type { Logger } from '@cloud-mirror/program';
import { openAdapters } from './adapters.ts';
import type { Adapters } from './adapters.ts';
import { prepareBackends } from './prepare-backends.ts';
import type { ProgramConfig } from './program-configs.ts';
import type { PartsConfig } from './program-schemas.ts';
import { requireSharedParts } from './shared-parts.ts';

/** What a program of the mirror is given to do its work with. */
export interface MirrorParts<Settings> {
  readonly config: Settings;
  readonly adapters: Adapters;
  /** `openMetricsRegistry` with names that begin with `cloud_mirror_`. */
  readonly registry: ReturnType<typeof openMetricsRegistry>;
  readonly logger: Logger;
  /** What else the program opens. It is disposed of, last opened first, once the program has drained or did not start. */
  readonly resources: AsyncDisposableStack;
}

export interface MirrorProgram<Settings extends PartsConfig & { readonly log: { readonly level: string } }> {
  /** As logs and help name it: `cloud-mirror-frontend`. */
  readonly name: string;
  readonly description: string;
  readonly config: ProgramConfig<Settings>;
  /** Resolves once the program does its work. */
  start(parts: MirrorParts<Settings>): Promise<StartedProgram>;
}

export interface StartedProgram {
  /** `http://host:port` where it listens; `null` where it does not. */
  readonly address: string | null;
  /** Finishes what is under way, within the configured time. */
  drain(): Promise<void>;
}

/**
 * Runs a program of the mirror as a process (see `runProgram`): reads its configuration, opens what all of them have in
 * common, starts it, and prepares its back ends beside it. Everything is closed after the program has drained.
 */
export async function runMirrorProgram<
  Settings extends PartsConfig & { readonly log: { readonly level: string } },
>(program: MirrorProgram<Settings>): Promise<void> {
  const { name, description } = program;
  let variablesGiven: Environment = {};
  const { format, variables, listenKeys, drainSeconds, isApart } = program.config;
  await runProgram<Settings>({
    name,
    description,
    variables,
    listenKeys,
    async load(file, environment) {
      variablesGiven = environment;
      const config = await loadConfig(format, file, environment);
      return { config, logLevel: config.log.level, drainSeconds: drainSeconds(config) };
    },
    async start({ config, logger, signal }) {
      if (isApart) requireSharedParts(config);
      await using opening = new AsyncDisposableStack();
      const registry = openMetricsRegistry('cloud_mirror_');
      const adapters = opening.use(await openAdapters(config, { logger, environment: variablesGiven }));
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
        async drain() {
          await started.drain();
          await preparing;
          await resources.disposeAsync();
        },
      };
    },
  });
}
