import {
  copyKey,
  copyOf,
  lookUpGeneration,
  type Copy,
  type CopyLifeOptions,
  type MirroredObject,
} from '@cloud-mirror/cache-manager';
import type { Origin, OriginObject } from '@cloud-mirror/origin';
import { StorageError, type ObjectHeaders } from '@cloud-mirror/storage-provider';
import { expectedBody } from './expected-body.ts';
import { provenance } from './provenance.ts';

/** One copy to make. */
export interface CopyTask {
  readonly object: MirroredObject;
  readonly generation: string;
  readonly token: string;
  /** ETag of an object past its life that lies at the key; `null` where none is known of. */
  readonly replaces: string | null;
  /** Length that the origin's HEAD told; `null`: it told none; `undefined`: nobody asked. */
  readonly originBytes: number | null | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

export interface CopyResult {
  readonly copy: Copy;
  /** False: somebody else had stored it by then. */
  readonly copied: boolean;
}

/**
 * Streams the object from its origin into the store of its back end.
 * @throws OriginError, StorageError; the signal's reason once it is aborted. Nothing was stored then
 */
export async function copyObject(
  task: CopyTask,
  origin: Pick<Origin, 'open' | 'inspect'>,
  life: CopyLifeOptions,
): Promise<CopyResult> {
  try {
    return { copy: await store(task, origin), copied: true };
  } catch (error) {
    if (!isTaken(error)) throw error;
    const found = await lookUpGeneration(task.object, task.generation, life, task.signal);
    if (found.copy !== null) return { copy: found.copy, copied: false };
    // What is there is past its life and nobody told us of it, or what we were told of has gone.
    if (found.replaces !== task.replaces) {
      return {
        copy: await store({ ...task, replaces: found.replaces }, origin).catch(passing),
        copied: true,
      };
    }
    return passing(error);
  }
}

function isTaken(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'store_exists';
}

/** Others write or remove the object at this moment: who comes again finds how that ended. */
function passing(error: unknown): never {
  if (!isTaken(error)) throw error;
  throw new StorageError(error.code, error.message, { cause: error, retryable: true });
}

async function store(task: CopyTask, origin: Pick<Origin, 'open' | 'inspect'>): Promise<Copy> {
  const { object, generation, token, replaces, signal, onProgress } = task;
  await using source = await origin.open(new URL(object.url), { signal });
  const body = await expectedBody(source, task, origin);
  const stored = await object.backend.store.put(copyKey(object, generation), body, {
    signal,
    onProgress,
    headers: headersOf(source),
    sizeBytes: source.sizeBytes,
    metadata: () => provenance(source, { url: object.url, token, generation }),
    ...(replaces === null ? { ifNoneMatch: '*' } : { ifMatch: replaces }),
  });
  return { ...copyOf(object.backend, stored, generation), sha256: source.sha256() };
}

function headersOf(source: OriginObject): ObjectHeaders {
  return {
    contentType: source.contentType ?? 'application/octet-stream',
    contentEncoding: source.contentEncoding ?? undefined,
    contentDisposition: source.contentDisposition ?? undefined,
    contentLanguage: source.contentLanguage ?? undefined,
  };
}
