import type { CallOptions, PutOptions } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { mayRefuseHeader } from './refusals.ts';
import type { ObjectHead } from './stored-object.ts';
import type { S3Capabilities } from './s3-capabilities.ts';
import { withOrWithout } from './s3-capabilities.ts';
import { isAbsent, isConflict } from './s3-error.ts';

export interface WriteCondition {
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

/** A write that may have a condition. */
export interface ConditionalWrite extends Pick<PutOptions, 'ifNoneMatch' | 'ifMatch' | 'signal'> {
  readonly key: string;
}

type Head = (key: string, options: CallOptions) => Promise<ObjectHead | null>;

/** Sends writes with their condition, or without it if the store does not support conditions. */
export class ConditionalWrites {
  readonly #capabilities: S3Capabilities;
  readonly #head: Head;

  constructor(capabilities: S3Capabilities, head: Head) {
    this.#capabilities = capabilities;
    this.#head = head;
  }

  /** @throws StorageError `store_exists` if the condition does not hold */
  async run<T>(target: ConditionalWrite, write: (condition: WriteCondition) => Promise<T>): Promise<T> {
    const { ifNoneMatch, ifMatch } = target;
    if (ifNoneMatch === undefined && ifMatch === undefined) return write({});
    const condition = {
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    };
    const name = ifMatch === undefined ? 'conditionalCreate' : 'conditionalReplace';
    return withOrWithout(
      this.#capabilities,
      name,
      (conditional) => (conditional ? this.#conditional(target, name, condition, write) : write({})),
      mayRefuseHeader,
    );
  }

  async #conditional<T>(
    target: ConditionalWrite,
    name: 'conditionalCreate' | 'conditionalReplace',
    condition: WriteCondition,
    write: (condition: WriteCondition) => Promise<T>,
  ): Promise<T> {
    const first = await tryWrite(target, () => write(condition));
    if ('sent' in first) return first.sent;
    if (target.ifMatch === undefined) throw first.refusal;
    // A store may refuse a condition that holds: radosgw 16 compares If-Match including its quotes, so no ETag ever
    // matches. To detect this, a HEAD must show that the condition holds, the write must be refused again, and a second
    // HEAD must show the same object. If the object changed, the refusal is accepted.
    const before = await this.#look(target, first.refusal);
    if (!hasETag(target.ifMatch, before)) throw first.refusal;
    const second = await tryWrite(target, () => write(condition));
    if ('sent' in second) return second.sent;
    const after = await this.#look(target, second.refusal);
    if (!hasETag(target.ifMatch, after) || !isSameObject(before, after)) throw second.refusal;
    this.#capabilities.learn(name, 'no');
    return write({});
  }

  /** @throws `refusal` if the HEAD fails; the signal's reason once it is aborted */
  async #look({ key, signal }: ConditionalWrite, refusal: StorageError): Promise<ObjectHead | null> {
    try {
      return await this.#head(key, { signal });
    } catch {
      signal?.throwIfAborted();
      throw refusal;
    }
  }
}

type Tried<T> = { readonly sent: T } | { readonly refusal: StorageError };

/** @throws StorageError `store_exists` if another write interfered; every failure that is not a failed condition */
async function tryWrite<T>({ ifMatch }: ConditionalWrite, write: () => Promise<T>): Promise<Tried<T>> {
  try {
    return { sent: await write() };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'store_exists') return { refusal: error };
    // A concurrent write of the key is running (409), or the object to replace is gone (404).
    if (isConflict(error.cause) || (ifMatch !== undefined && isAbsent(error.cause)))
      throw new StorageError('store_exists', error.message, { cause: error.cause });
    throw error;
  }
}

/** Whether the HEAD shows an object with this ETag. */
function hasETag(ifMatch: string, head: ObjectHead | null): head is ObjectHead {
  return head?.ETag !== undefined && opaqueTag(head.ETag) === opaqueTag(ifMatch);
}

function isSameObject(a: ObjectHead, b: ObjectHead): boolean {
  return (
    a.ETag === b.ETag &&
    a.ContentLength === b.ContentLength &&
    a.LastModified?.getTime() === b.LastModified?.getTime() &&
    JSON.stringify(a.Metadata) === JSON.stringify(b.Metadata)
  );
}

/** An entity tag without its quotes and without `W/` (RFC 9110, section 8.8.3). */
function opaqueTag(etag: string): string {
  return etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}
