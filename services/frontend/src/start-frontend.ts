import { CacheManager } from '@cloud-mirror/cache-manager';
import type { Adapters, Config, Logger } from '@cloud-mirror/config';
import type { Registry } from 'prom-client';
import { cacheEvents } from './cache-events.ts';
import { createFrontend } from './frontend.ts';

export interface StartFrontendOptions {
  readonly config: Config;
  /** Stays the caller's: it outlives the front end and is closed after it. */
  readonly adapters: Adapters;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface StartedFrontend {
  /** `http://host:port`. */
  readonly address: string;
  /** Answers what has begun, within `server.drainSeconds`, and ends. */
  drain(): Promise<void>;
}

/** A front end over the adapters of a configuration, listening. @throws Error where the port cannot be had */
export async function startFrontend(options: StartFrontendOptions): Promise<StartedFrontend> {
  const { config, adapters, logger, registry } = options;
  await using opening = new AsyncDisposableStack();
  const cacheManager = opening.use(
    new CacheManager({
      ...adapters,
      times: config.entries,
      maxWaiting: config.server.maxWaiting,
      events: cacheEvents(logger, registry),
    }),
  );
  const frontend = createFrontend({ ...adapters, config, cacheManager, logger, registry });
  const address = await frontend.listen();
  const resources = opening.move();
  return {
    address,
    async drain() {
      await frontend.drain();
      await resources.disposeAsync();
    },
  };
}
