import { setTimeout as sleep } from 'node:timers/promises';
import { MARKER_PREFIX } from '@cloud-mirror/cache-manager';
import type { Backend } from '@cloud-mirror/cache-manager';
import type { Adapters } from './adapters.ts';
import type { PartsConfig } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';

/** What keys of copies begin with: URLs, later generations, hashed forms. */
const OBJECT_PREFIXES: readonly string[] = ['http', 'g/', 'sha256/'];

/** Which parts of a back end to make where they are missing. */
interface Parts {
  readonly store: boolean;
  readonly queue: boolean;
}

/**
 * Makes what is missing of one back end: bucket or folder with its lifecycle rules, queue with its dead-letter queue.
 * Safe to call again.
 * @returns one line for each thing made or changed
 * @throws StorageError, QueueError
 */
export async function prepareBackend(
  backend: Backend,
  { signal, parts = { store: true, queue: true } }: { signal?: AbortSignal; parts?: Parts } = {},
): Promise<readonly string[]> {
  const lines: string[] = [];
  if (parts.store)
    lines.push(
      ...(await backend.store.prepare({
        longLivedPrefix: MARKER_PREFIX,
        objectPrefixes: OBJECT_PREFIXES,
        signal,
      })),
    );
  if (parts.queue) lines.push(...(await backend.queue.prepare({ signal })));
  return lines;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/**
 * Makes what is missing of every back end whose configuration has `create: true`, beside the program's work, again and
 * again until it succeeds or `signal` is aborted. Failures are logged; never rejects.
 */
export async function prepareBackends(
  adapters: Pick<Adapters, 'backends'>,
  config: PartsConfig,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  await Promise.all(
    [...adapters.backends.values()].map((backend) =>
      prepareUntilDone(backend, partsToCreate(config, backend), logger, signal),
    ),
  );
}

function partsToCreate(config: PartsConfig, { service }: Backend): Parts {
  const settings = config.services[service];
  // A folder costs nothing and nobody else would make it.
  const store = settings?.kind === 'filesystem' || settings?.create === true;
  return { store, queue: config.queue.create };
}

async function prepareUntilDone(
  backend: Backend,
  parts: Parts,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (!parts.store && !parts.queue) return;
  for (let delayMs = FIRST_RETRY_MS; !signal.aborted; delayMs = Math.min(2 * delayMs, LONGEST_RETRY_MS)) {
    try {
      for (const line of await prepareBackend(backend, { signal, parts }))
        logger.info({ backend: backend.name }, line);
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, backend: backend.name, retryMs: delayMs }, 'could not prepare the back end');
    }
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
  }
}
