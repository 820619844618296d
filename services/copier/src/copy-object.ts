import {
  copyKey,
  copyOf,
  lookUpGeneration,
  type Copy,
  type CopyLifeOptions,
} from '@cloud-mirror/mirrored-objects';
import { GuessedDigestError, type Origin } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { headersOf } from './copy-headers.ts';
import type { CopyTask } from './copy-task.ts';
import { expectedBody } from './expected-body.ts';
import { provenance, publicToken } from './provenance.ts';
import { storableUserMetadata } from './user-metadata.ts';

export interface CopyResult {
  readonly copy: Copy;
  /** False if another worker stored the object first. */
  readonly copied: boolean;
}

/**
 * Streams the object from its origin into the store of its back end.
 * @throws OriginError, StorageError; the signal's reason once it is aborted. Then nothing is stored
 */
export async function copyObject(
  task: CopyTask,
  origin: Pick<Origin, 'open' | 'inspect'>,
  life: CopyLifeOptions,
): Promise<CopyResult> {
  try {
    return { copy: await storeVerified(task, origin), copied: true };
  } catch (error) {
    if (!isAlreadyStored(error)) throw error;
    const found = await lookUpGeneration(task.object, task.generation, life, task.signal);
    if (found.copy !== null) return { copy: found.copy, copied: false };
    // The expired object at the key is not the one that the job names: it appeared, changed or went away.
    if (found.replaces !== task.replaces) {
      return {
        copy: await storeVerified({ ...task, replaces: found.replaces }, origin).catch(throwRetryable),
        copied: true,
      };
    }
    return throwRetryable(error);
  }
}

function isAlreadyStored(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'store_exists';
}

/** Another process is writing or deleting the object. A later attempt finds the result. */
function throwRetryable(error: unknown): never {
  if (!isAlreadyStored(error)) throw error;
  throw new StorageError(error.code, error.message, { cause: error, retryable: true });
}

/** Retries at once after a mismatch of a guessed digest: if the same bytes arrive again, they are right. */
async function storeVerified(task: CopyTask, origin: Pick<Origin, 'open' | 'inspect'>): Promise<Copy> {
  try {
    return await store(task, origin);
  } catch (error) {
    if (!(error instanceof GuessedDigestError)) throw error;
    const copy = await store(task, origin, error.sha256);
    if (copy.sha256 === error.sha256) task.onGuessRefuted?.(error);
    return copy;
  }
}

async function store(
  task: CopyTask,
  origin: Pick<Origin, 'open' | 'inspect'>,
  guessFailedWith?: string,
): Promise<Copy> {
  const { object, generation, token, replaces, signal, onProgress } = task;
  const url = new URL(object.url);
  await using source = await origin.open(url, { signal, guessFailedWith });
  const body = new CountedBody(task.turn.paced(await expectedBody(source, task, origin), signal));
  const named = { url: object.url, token: publicToken(token), generation };
  const stored = await object.backend.store.put(copyKey(object, generation), body, {
    signal,
    onProgress,
    headers: headersOf(source, url),
    sizeBytes: source.sizeBytes,
    metadata: () => provenance(source, { ...named, bytes: body.bytes }),
    userMetadata: storableUserMetadata(source.userMetadata ?? {}),
    ...(replaces === null ? { ifNoneMatch: '*' } : { ifMatch: replaces }),
  });
  return { ...copyOf(object.backend, stored, generation), sha256: source.sha256() };
}

/** Counts the bytes of a body. */
class CountedBody implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  #bytes: number | null = null;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  /** Length of the body; `null` before its end. */
  get bytes(): number | null {
    return this.#bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of this.#body) {
      bytes += chunk.length;
      yield chunk;
    }
    this.#bytes = bytes;
  }
}
