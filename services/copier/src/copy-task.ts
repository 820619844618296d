import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { GuessedDigestError } from '@cloud-mirror/origin';
import type { CopyTurn } from './copy-turn.ts';

/** One copy to make. */
export interface CopyTask {
  readonly object: MirroredObject;
  readonly generation: string;
  readonly token: string;
  /** ETag of the expired object at the key, which the copy replaces; `null` if none is known. */
  readonly replaces: string | null;
  /** Length in the answer to the origin's HEAD; `null` if it stated none, `undefined` if no HEAD was sent. */
  readonly originBytes: number | null | undefined;
  readonly signal: AbortSignal;
  /** Pauses the reading of the body while others need the copy's slot. */
  readonly turn: Pick<CopyTurn, 'paced'>;
  readonly onProgress: (bytes: number) => void;
  /** Called when two attempts received the same bytes, which do not match a guessed digest: it is no digest. */
  readonly onGuessRefuted?: ((guess: GuessedDigestError) => void) | undefined;
}
