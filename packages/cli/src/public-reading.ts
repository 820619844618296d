import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isPubliclyRead, StorageError } from '@cloud-mirror/storage-provider';
import type { PubliclyRead, PublicRead } from '@cloud-mirror/storage-provider';

/** Whether clients can read the copies of a back end at unsigned URLs. */
export interface PublicReading {
  readonly status: 'ok' | 'warning' | 'failure';
  readonly detail: string;
  readonly remedy: string | null;
}

const ALLOW_READING =
  'let everyone read the objects of the bucket (a policy that allows s3:GetObject, and no Block Public Access), ' +
  'set a publicUrl that serves them, or set access: signed';

/**
 * Reads a copy like a client, without credentials. If there is no copy, stores a trial object and deletes it afterwards.
 * @returns null if clients get signed URLs, or the front end serves the copies itself
 */
export async function tryPublicReading(
  { store }: Pick<Backend, 'store'>,
  signal: AbortSignal,
): Promise<PublicReading | null> {
  if (store.access !== 'public' || !isPubliclyRead(store)) return null;
  const read = await readOrUntried(store, signal);
  switch (read.state) {
    case 'readable':
      return { status: 'ok', detail: 'clients without credentials may read copies', remedy: null };
    case 'refused':
      return {
        status: 'failure',
        detail: `clients may not read copies: ${read.host} answers ${read.status} without credentials`,
        remedy: ALLOW_READING,
      };
    case 'untried':
      return {
        status: 'warning',
        detail: `it is unknown whether clients may read copies: ${read.why}`,
        remedy: 'run doctor again when there is a copy, on a machine in the network of the clients',
      };
  }
}

async function readOrUntried(store: PubliclyRead, signal: AbortSignal): Promise<PublicRead> {
  try {
    return await store.checkPublicRead({ trial: true, signal });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { state: 'untried', why: error.message };
  }
}
