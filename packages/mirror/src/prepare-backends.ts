import { COPY_PREFIXES, MARKER_PREFIX, type Backend } from '@cloud-mirror/mirrored-objects';
import { backoff, pause } from '@cloud-mirror/waiting';
import type { Adapters } from './adapters.ts';
import type { PartsConfig } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { kindOf } from './store-kinds.ts';

/** The parts of a back end to create if they are missing. */
interface Parts {
  readonly store: boolean;
  readonly queue: boolean;
}

/**
 * Creates the missing parts of one back end: bucket or folder with its lifecycle rules, queue with its dead-letter
 * queue. Idempotent.
 * @returns one line per part created or changed
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
        objectPrefixes: COPY_PREFIXES,
        signal,
      })),
    );
  if (parts.queue) lines.push(...(await backend.queue.prepare({ signal })));
  return lines;
}

const RETRY_MS = { first: 500, longest: 30_000 };

/**
 * Creates the missing parts of every back end that has `create: true`, with retries until it succeeds or `signal` is
 * aborted. Logs failures; never rejects.
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
  const store = settings !== undefined && kindOf(settings).isPrepared(settings);
  return { store, queue: config.queue.create };
}

async function prepareUntilDone(
  backend: Backend,
  parts: Parts,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (!parts.store && !parts.queue) return;
  for (let failures = 0; !signal.aborted; failures += 1) {
    const delayMs = Math.round(backoff(failures, RETRY_MS));
    try {
      for (const line of await prepareBackend(backend, { signal, parts }))
        logger.info({ backend: backend.name }, line);
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, backend: backend.name, retryMs: delayMs }, 'could not prepare the back end');
    }
    await pause(delayMs, signal);
  }
}
