import { readFile } from 'node:fs/promises';
import { ConfigError } from '@cloud-mirror/config';
import { OBJECT_KEY_DOCUMENT, openStateStore, openWakeUps, sealerOf } from '@cloud-mirror/mirror';
import type { RedisSettings, RouterSettings, StateSettings } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import { join } from 'node:path';
import { LastGoodFiles, LiveDocument, SharedKey, StateError } from '@cloud-mirror/state-store';
import type { StateStore } from '@cloud-mirror/state-store';
import {
  LiveRoutes,
  MAX_ROUTES_BYTES,
  NO_ROUTES,
  parseRouteChanges,
  parseStoredRoutes,
  ROUTES_DOCUMENT,
  RoutesFault,
  serializeRoutes,
} from '@cloud-mirror/storage-routes';
import type { ChangeRules, RouteChange } from '@cloud-mirror/storage-routes';

export interface LiveRoutesParts {
  readonly settings: Pick<RouterSettings, 'sealKey' | 'routesFile'>;
  readonly state: StateSettings;
  /** Whose Redis wakes the other instances. */
  readonly entries: RedisSettings;
  /** The names of the configuration's back ends, `service/region`. */
  readonly stores: readonly string[];
  /** Routes that are added if there is none at their path, like those of the file. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  readonly logger: Logger;
  readonly resources: AsyncDisposableStack;
}

export interface OpenedRoutes {
  readonly routes: LiveRoutes;
  readonly rules: ChangeRules;
  /** The key for addresses of objects in folders. */
  readonly objectKey: SharedKey;
}

/**
 * Opens the routes: their store, their document, and the file with the first ones.
 * @throws ConfigError if the store ignores conditional writes, or if the file has faults
 */
export async function openLiveRoutes(parts: LiveRoutesParts): Promise<OpenedRoutes> {
  const { settings, state, entries, stores, logger, resources } = parts;
  const sealer = sealerOf(settings.sealKey);
  const names = new Set(stores);
  const rules = { isStore: (name: string) => names.has(name), stores };
  const added = await readRoutes(parts, rules);
  const store = resources.use(await openStateStore(state));
  await checkStore(store, logger);
  const wakeUps = resources.use(openWakeUps(entries, logger));
  const shared = { store, wakeUps, lastGood: new LastGoodFiles(join(state.directory, 'last-good')) };
  let addAgain: (() => void) | null = null;
  const document = resources.use(
    await LiveDocument.open({
      name: ROUTES_DOCUMENT,
      ...shared,
      empty: NO_ROUTES,
      maxBytes: MAX_ROUTES_BYTES,
      parse: (value) => parseStoredRoutes(value, sealer),
      serialize: (value) => serializeRoutes(value, sealer),
      onDegraded(reason) {
        if (reason === null) logger.info('the document of routes can be read again');
        else
          logger.warn(
            { err: reason },
            'degraded: the document of routes cannot be read; the last good routes stay in force',
          );
        if (reason === null) addAgain?.();
      },
    }),
  );
  const routes = new LiveRoutes({ document, sealer, rules });
  const add = async (): Promise<void> => {
    addAgain = null;
    try {
      await addRoutes(routes, added, logger);
      if (await routes.reseal())
        logger.info('the credentials of all routes are sealed with the first key of router.sealKey now');
    } catch (error) {
      logger.warn(
        { err: error },
        'the routes of the file could not be added, because the store of the routes failed',
      );
      addAgain = () => void add();
    }
  };
  await add();
  // Its store is that of the routes, which says when it is degraded.
  const objectKey = resources.use(
    await SharedKey.open({ name: OBJECT_KEY_DOCUMENT, ...shared, sealer, onDegraded: () => undefined }),
  );
  return { routes, rules, objectKey };
}

/** @throws ConfigError if the store cannot be used at all; one that is down now may recover */
async function checkStore(store: StateStore, logger: Logger): Promise<void> {
  try {
    await store.check({ signal: AbortSignal.timeout(CHECK_MS) });
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    if (error.code === 'state_unsupported')
      throw new ConfigError(
        'state',
        [{ path: 'state', found: error.message, expected: 'a store with conditional writes' }],
        {
          cause: error,
        },
      );
    logger.warn({ err: error }, 'the store of documents cannot be reached now');
  }
}

const CHECK_MS = 10_000;

/** @throws ConfigError if the file has faults */
async function readRoutes(
  { settings, defaults = {} }: LiveRoutesParts,
  rules: ChangeRules,
): Promise<RouteChange[]> {
  const { routesFile } = settings;
  const inFile = (found: string, expected: string, cause?: unknown): ConfigError =>
    new ConfigError(routesFile, [{ path: '', found, expected }], { cause });
  const built = parseRouteChanges(defaults, rules);
  let text: string;
  try {
    text = await readFile(routesFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return built;
    throw inFile(
      `a file that cannot be read (${(error as NodeJS.ErrnoException).code})`,
      'a readable JSON file',
      error,
    );
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw inFile('text that is not JSON', 'a JSON object from paths to routes');
  }
  try {
    return [...parseRouteChanges(document, rules), ...built];
  } catch (error) {
    if (!(error instanceof RoutesFault)) throw error;
    throw new ConfigError(routesFile, error.faults, { cause: error });
  }
}

async function addRoutes(routes: LiveRoutes, added: readonly RouteChange[], logger: Logger): Promise<void> {
  const missing = added.filter(({ path }) => !routes.configured.has(path));
  if (missing.length === 0) return;
  const { inMemory } = await routes.change(missing, 'add');
  logger.info({ paths: missing.map(({ path }) => path).slice(0, 50) }, 'routes were added from the file');
  if (inMemory.length > 0)
    logger.warn(
      { paths: inMemory.slice(0, 50) },
      'these routes are in the memory of this process only, because there is no router.sealKey to seal their credentials with',
    );
}
