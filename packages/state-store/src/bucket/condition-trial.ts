import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { StateError } from '../state-store.ts';
import { isConditionFailed, isConditionRefused } from './s3-failures.ts';

export type Condition = { readonly IfMatch?: string; readonly IfNoneMatch?: string };

/** How a store compares `If-Match`. `bare`: with the ETag without its quotes, like radosgw 16. */
export type ETagQuotes = 'quoted' | 'bare';

export interface ConditionTrialParts {
  /** @returns the ETag without quotes */
  readonly put: (
    key: string,
    text: string,
    condition: Condition,
    signal: AbortSignal | undefined,
  ) => Promise<string>;
  readonly send: (command: DeleteObjectCommand, signal: AbortSignal | undefined) => Promise<unknown>;
  readonly bucket: string;
  readonly prefix: string;
}

/**
 * Finds out by trial whether a bucket honours conditional writes. A store that ignores them answers 200 and overwrites, so
 * two instances would lose each other's changes.
 */
export class ConditionTrial {
  readonly #parts: ConditionTrialParts;
  #found: ETagQuotes | null = null;

  constructor(parts: ConditionTrialParts) {
    this.#parts = parts;
  }

  /**
   * Tries once; later calls return what was found.
   * @throws StateError `state_unsupported` if the store has no conditional writes; an error of the SDK if it cannot be tried
   */
  async run(signal: AbortSignal | undefined): Promise<ETagQuotes> {
    this.#found ??= await this.#try(signal);
    return this.#found;
  }

  async #try(signal: AbortSignal | undefined): Promise<ETagQuotes> {
    const { put, send, bucket, prefix } = this.#parts;
    const key = `${prefix}.trial-${randomUUID()}`;
    const refused = async (text: string, condition: Condition): Promise<boolean> => {
      try {
        await put(key, text, condition, signal);
        return false;
      } catch (error) {
        if (isConditionFailed(error)) return true;
        if (isConditionRefused(error)) throw unsupported(bucket, error);
        throw error;
      }
    };
    try {
      if (await refused('first', { IfNoneMatch: '*' }))
        throw new StateError('state_unavailable', `the bucket ${bucket} has an object with a new random key`);
      if (!(await refused('second', { IfNoneMatch: '*' }))) throw unsupported(bucket);
      if (!(await refused('third', { IfMatch: `"${'0'.repeat(32)}"` }))) throw unsupported(bucket);
      const etag = await put(key, 'fourth', {}, signal);
      if (!(await refused('fifth', { IfMatch: `"${etag}"` }))) return 'quoted';
      if (!(await refused('fifth', { IfMatch: etag }))) return 'bare';
      throw unsupported(bucket);
    } finally {
      await send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), signal).catch(() => undefined);
    }
  }
}

function unsupported(bucket: string, cause?: unknown): StateError {
  return new StateError(
    'state_unsupported',
    `the store of the bucket ${bucket} does not honour If-Match and If-None-Match of a PUT, so two instances would overwrite each other's changes: use a store with conditional writes, or kind folder`,
    { cause },
  );
}
