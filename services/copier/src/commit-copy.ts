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

/** `untold`: the entry store did not answer, so that its entry may say something else for a long time. */
export type Commit = 'present' | 'refused' | 'untold';

/**
 * Makes the entry `present`. Where our entry is gone the claim is made anew and the marker asked again, so that a copy
 * which was purged meanwhile stays unknown. Any other refusal leaves the object where it is: copiers never delete.
 */
export async function commitCopy(
  parts: CommitParts,
  object: MirroredObject,
  token: string,
  copy: Copy,
): Promise<Commit> {
  const { entries, times } = parts;
  const lifeMs = entryLifeMs(copy, times, Date.now());
  const leaseMs = times.copyingLeaseSeconds * 1000;
  try {
    if (await entries.commit(object.id, token, copy, lifeMs)) return 'present';
    const again = freshToken();
    const claim = { token: again, leaseMs, copyingLeaseMs: leaseMs };
    if (!(await entries.claim(object.id, claim)).claimed) return 'refused';
    const generation = await readMarker(object).then(
      (marker) => marker.generation,
      (error: unknown) => {
        parts.onPartFailed('store', object.backend.name, error);
        return null;
      },
    );
    if (generation === copy.generation)
      return (await entries.commit(object.id, again, copy, lifeMs)) ? 'present' : 'refused';
    await entries.release(object.id, again);
    return 'refused';
  } catch (error) {
    parts.onPartFailed('entries', object.backend.name, error);
    return 'untold';
  }
}
