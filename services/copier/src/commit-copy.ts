import type { EntryTimes } from '@cloud-mirror/cache-manager';
import {
  entryLifeMs,
  freshToken,
  readMarker,
  type Copy,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import type { EntryStore } from '@cloud-mirror/entry-store';

export interface CommitParts {
  readonly entries: EntryStore;
  readonly times: EntryTimes;
  readonly onPartFailed: (part: 'entries' | 'store', backend: string, error: unknown) => void;
}

/** `unrecorded`: the entry store did not answer, so the entry may stay out of date for a long time. */
export type Commit = 'present' | 'refused' | 'unrecorded';

/**
 * Makes the entry `present`. If the copier's entry has gone, claims it again and reads the purge marker again, so that
 * a copy that was purged meanwhile stays unknown. After any other refusal the object stays in the store: copiers never
 * delete.
 */
export async function commitCopy(
  parts: CommitParts,
  object: MirroredObject,
  token: string,
  copy: Copy,
): Promise<Commit> {
  const { entries, times } = parts;
  const lifeMs = entryLifeMs(copy, times, object.backend.store.clock.nowMs());
  const leaseMs = times.copyingLeaseSeconds * 1000;
  try {
    if (await entries.commit(object.id, token, copy, lifeMs)) return 'present';
    const newToken = freshToken();
    const claim = { token: newToken, leaseMs, copyingLeaseMs: leaseMs };
    if (!(await entries.claim(object.id, claim)).claimed) return 'refused';
    const generation = await readMarker(object).then(
      (marker) => marker.generation,
      (error: unknown) => {
        parts.onPartFailed('store', object.backend.name, error);
        return null;
      },
    );
    if (generation === copy.generation)
      return (await entries.commit(object.id, newToken, copy, lifeMs)) ? 'present' : 'refused';
    await entries.release(object.id, newToken);
    return 'refused';
  } catch (error) {
    parts.onPartFailed('entries', object.backend.name, error);
    return 'unrecorded';
  }
}
