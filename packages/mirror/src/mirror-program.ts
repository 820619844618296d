import { loadConfig, numberAt } from '@cloud-mirror/config';
import type { Environment } from '@cloud-mirror/config';
import { openMetricsRegistry, runProgram, secretsOf } from '@cloud-mirror/program';
import type { Logger } from '@cloud-mirror/program';
import type { Registry as Instances } from '@cloud-mirror/registry';
import { openAdapters } from './adapters.ts';
import type { Adapters } from './adapters.ts';
import { AnnouncedProgram, type AnnouncedProgramParts, type Announcement } from './announced-program.ts';
import { addConfigSecrets } from './config-secrets.ts';
import { isShared, openRegistry, type RegistrySettings } from './open-registry.ts';
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
  /** Where programs announce themselves, and find each other. */
  readonly instances: Instances;
  /** The port that the configuration file names for the program's listener, whatever PORT says; null if it has none. */
  readonly servicePort: number | null;
  /** For resources that the program opens itself. Disposed in reverse order after the drain or a failed start. */
  readonly resources: AsyncDisposableStack;
}

/** The sections that every program of the mirror reads. */
type MirrorSettings = PartsConfig & {
  readonly log: { readonly level: string };
  readonly registry: RegistrySettings;
};

export interface MirrorProgram<Settings extends MirrorSettings> {
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
  /** What the registry is told, if other processes read it. */
  readonly announcements?: readonly Announcement[];
  /** Finishes the work in progress, within the configured time. */
  drain(): Promise<void>;
}

/**
 * Runs a program of the mirror as a process (see `runProgram`): reads its configuration, opens the adapters and the
 * metrics registry, starts the program, and prepares its back ends concurrently. Closes everything after the drain.
 */
export async function runMirrorProgram<Settings extends MirrorSettings>(
  program: MirrorProgram<Settings>,
): Promise<void> {
  const { name, description } = program;
  let loadedEnvironment: Environment = {};
  let servicePort: number | null = null;
  const { format, variables, listenKeys, drainSeconds, isApart } = program.config;
  await runProgram<Settings>({
    name,
    description,
    variables,
    listenKeys,
    async load(file, environment) {
      loadedEnvironment = environment;
      const config = await loadConfig(format, file, environment);
      servicePort = portIn(await loadConfig(format, file, { ...environment, PORT: '', HOST: '' }), format);
      const delaySeconds = config.registry.drainDelaySeconds;
      return { config, logLevel: config.log.level, drainSeconds: delaySeconds + drainSeconds(config) };
    },
    async start({ config, logger, signal }) {
      if (isApart) requireSharedParts(config);
      addConfigSecrets(config, secretsOf(logger).always);
      await using opening = new AsyncDisposableStack();
      const registry = openMetricsRegistry('cloud_mirror_');
      const adapters = opening.use(await openAdapters(config, { logger, environment: loadedEnvironment }));
      const instances = opening.use(await openRegistry(config.registry, config.entries, logger));
      const started = await program.start({
        config,
        adapters,
        registry,
        logger,
        instances,
        servicePort,
        resources: opening,
      });
      const announced = await announce(started.announcements ?? [], {
        registry: instances,
        settings: config.registry,
        entries: config.entries,
        environment: loadedEnvironment,
        logger,
      });
      for (const one of announced) opening.use(one);
      const preparing = prepareBackends(adapters, config, { logger, signal });
      const resources = opening.move();
      return {
        address: started.address,
        addresses: started.addresses ?? {},
        async drain() {
          await Promise.all(announced.map((one) => one.drain()));
          await started.drain();
          await preparing;
          await resources.disposeAsync();
        },
      };
    },
  });
}

/** Announces a program that serves already. Nobody else reads the registry of one process. */
async function announce(
  announcements: readonly Announcement[],
  parts: AnnouncedProgramParts,
): Promise<readonly AnnouncedProgram[]> {
  if (!isShared(parts.settings, parts.entries)) return [];
  return Promise.all(
    announcements.map(async (announcement, index) => {
      // A supervisor gives the process one id.
      const environment = index === 0 ? parts.environment : {};
      const announced = await AnnouncedProgram.start(announcement, { ...parts, environment });
      await announced.run();
      return announced;
    }),
  );
}

function portIn(
  config: unknown,
  { listenSection }: { readonly listenSection: string | null },
): number | null {
  return listenSection === null ? null : (numberAt(config, listenSection, 'port') ?? null);
}
