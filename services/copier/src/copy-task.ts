import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { GuessedDigestError } from '@cloud-mirror/origin';

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
  /** Two tries brought the same bytes, which are not what a guessed digest says: it was no digest. */
  readonly onGuessRefuted?: ((guess: GuessedDigestError) => void) | undefined;
}
