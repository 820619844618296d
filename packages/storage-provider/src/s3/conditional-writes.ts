import type { PutOptions } from '../storage-provider.ts';
import { StorageError } from '../storage-provider.ts';
import { isAbsent, isConflict, isNotImplemented } from './s3-error.ts';

export interface WriteCondition {
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

/** Sends writes with the condition asked for, until the store turns out not to know conditions. */
export class ConditionalWrites {
  #honoured = true;

  async run<T>(
    { ifNoneMatch, ifMatch }: PutOptions,
    write: (condition: WriteCondition) => Promise<T>,
  ): Promise<T> {
    const condition = {
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    };
    if (!this.#honoured || Object.keys(condition).length === 0) return write({});
    try {
      return await write(condition);
    } catch (error) {
      const cause = error instanceof StorageError ? error.cause : undefined;
      if (isNotImplemented(cause)) {
        this.#honoured = false;
        return write({});
      }
      // Another write of the key was faster, or (404) the object that should have been replaced is gone.
      if (isConflict(cause) || (ifMatch !== undefined && isAbsent(cause)))
        throw new StorageError('store_exists', (error as StorageError).message, { cause });
      throw error;
    }
  }
}
