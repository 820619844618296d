import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAdapters, parseConfig, type Adapters, type Config } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { Copier } from '@cloud-mirror/copier';
import { createFrontend, openCacheManager } from '@cloud-mirror/frontend';
import { HttpOrigin, type HttpOriginOptions } from '@cloud-mirror/origin';
import { Registry } from 'prom-client';
import { merged, type ConfigObject } from '@cloud-mirror/testing/mirror-config';
import type { LogLine } from '@cloud-mirror/testing/log-lines';

export interface MirrorInProcessOptions {
  /** `sources.allow` of the configuration. */
  readonly allow: readonly ConfigObject[];
  /** Merged over the configuration. */
  readonly overrides?: ConfigObject;
  /** The resolver and the trusted certificates for origins. Tests replace them, so the mirror runs in this process. */
  readonly origin?: Pick<HttpOriginOptions, 'resolver' | 'ca'>;
}

/** Front end and copier in this process, assembled as in the standalone program. */
export interface MirrorInProcess extends AsyncDisposable {
  readonly address: string;
  /** Port of the front end. */
  readonly port: number;
  readonly config: Config;
  readonly adapters: Adapters;
  readonly registry: Registry;
  readonly log: readonly LogLine[];
  url(path: string): string;
  /** Files below the folder of the copies, complete or partial. */
  storedFiles(): Promise<string[]>;
}

/** The only back end of {@link openMirrorInProcess}. */
export const BACKEND = 'local/here';

export async function openMirrorInProcess(options: MirrorInProcessOptions): Promise<MirrorInProcess> {
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const config = parseConfig(JSON.stringify(configObject(directory, options)), {});
  const log: LogLine[] = [];
  const logger = createLogger({
    level: config.log.level,
    program: 'test',
    version: '0',
    destination: { write: (line: string) => void log.push(JSON.parse(line) as LogLine) },
  });
  const registry = new Registry();
  const opened = opening.use(await openAdapters(config, { logger }));
  const origin = opening.use(
    new HttpOrigin({
      policy: opened.policy,
      redirectLimit: config.sources.redirectLimit,
      maxObjectBytes: config.sources.maxObjectBytes,
      timeouts: config.sources.timeouts,
      perOrigin: config.sources.perOrigin,
      userAgent: 'cloud-mirror-test',
      ...options.origin,
    }),
  );
  const adapters: Adapters = { ...opened, origin };
  const cacheManager = opening.use(openCacheManager({ config, adapters, logger, registry }));
  const frontend = createFrontend({ ...adapters, config, cacheManager, logger, registry });
  const address = await frontend.listen();
  opening.defer(() => frontend.drain());
  const copier = new Copier({ config, adapters, logger, registry });
  copier.start();
  opening.defer(() => copier.drain());
  const running = opening.move();
  return {
    address,
    port: Number(new URL(address).port),
    config,
    adapters,
    registry,
    log,
    url: (path) => address + path,
    storedFiles: () => filesBelow(directory),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function configObject(directory: string, { allow, overrides = {} }: MirrorInProcessOptions): ConfigObject {
  const config: ConfigObject = {
    server: {
      host: '127.0.0.1',
      port: 0,
      publicUrl: 'https://mirror.example',
      drainSeconds: 15,
      // All requests of a test come from one address.
      rateLimit: null,
    },
    sources: { allow },
    entries: { kind: 'memory', errorSeconds: { first: 1, longest: 1 } },
    queue: { kind: 'memory' },
    services: { local: { kind: 'filesystem', directory, regions: { here: {} } } },
    copier: { graceSeconds: 5 },
    log: { level: 'debug' },
  };
  return merged(config, overrides);
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
