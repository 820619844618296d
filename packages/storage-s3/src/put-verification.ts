import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { interruptible, StorageError } from '@cloud-mirror/storage-provider';
import type { CallOptions } from '@cloud-mirror/storage-provider';
import { headObject } from './read-object.ts';
import type { ObjectHead } from './stored-object.ts';
import { checksumOf } from './payload-checksum.ts';
import type { S3Calls } from './s3-calls.ts';
import { encodeMetadata } from './stored-metadata.ts';

/** A stored object, and the store's answer. */
export interface SentObject {
  readonly key: string;
  readonly payload: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly answer: {
    readonly ETag?: string | undefined;
    readonly ServerSideEncryption?: string | undefined;
    readonly SSECustomerAlgorithm?: string | undefined;
  };
}

/** Time limit for reading an object back, in milliseconds. The object is not larger than an upload part. */
const READ_BACK_MS = 30_000;

/**
 * Compares an object that was stored in one request with the bytes that were sent. The checksum of the request is not
 * sufficient: a store that misreads a header as an instruction verifies the checksum first and then decodes the payload.
 */
export class PutVerification {
  readonly #calls: S3Calls;
  /** Whether ETags of this bucket look like MD5s but are not. Set after an object was read back. */
  #otherETags = false;

  constructor(calls: S3Calls) {
    this.#calls = calls;
  }

  /**
   * An ETag that is the MD5 of the payload proves that the bytes are right, without another request. Other ETags need not
   * be MD5s (encryption with KMS, other stores), so the length is checked with a HEAD. If the ETag should be an MD5 but
   * differs, the object is read back. If that shows that ETags are not MD5s, later objects are not read back.
   * @throws StorageError `store_corrupt`, retryable
   */
  async verify(sent: SentObject, { signal }: CallOptions): Promise<void> {
    const { key, payload, answer } = sent;
    const etagMd5 = /^"?([0-9a-f]{32})"?$/i.exec(answer.ETag ?? '')?.[1]?.toLowerCase();
    if (etagMd5 !== undefined && etagMd5 === md5(payload)) return;
    const head = await this.#head(key, signal);
    if (head === undefined) return;
    if (head === null) throw corrupt('the store reported success but has no object');
    // A later write has replaced the object, after this write succeeded.
    if (answer.ETag !== undefined && head.ETag !== undefined && head.ETag !== answer.ETag) return;
    const { ContentLength: length = payload.length } = head;
    if (length !== payload.length)
      throw corrupt(`the store keeps ${length} bytes of an object of ${payload.length}`);
    if (etagMd5 === undefined || this.#otherETags || !isPlain(answer)) return;
    const stored = await this.#readBack(key, answer.ETag, signal);
    if (stored === null) return;
    if (stored === md5(payload)) {
      this.#otherETags = true;
      return;
    }
    await this.#withdraw(sent, signal);
    throw corrupt('the stored bytes differ from those that were sent');
  }

  /** `undefined` if the HEAD fails. The PUT then counts as successful, because the store verified its checksum. */
  async #head(key: string, signal: AbortSignal | undefined): Promise<ObjectHead | null | undefined> {
    try {
      return await headObject(this.#calls, key, { signal });
    } catch (error) {
      if (error instanceof StorageError) return undefined;
      throw error;
    }
  }

  /** The MD5 of the object's bytes; `null` if they cannot be read, or if the object was replaced. */
  async #readBack(
    key: string,
    etag: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string | null> {
    const limit = AbortSignal.any([AbortSignal.timeout(READ_BACK_MS), ...(signal ? [signal] : [])]);
    try {
      const command = new GetObjectCommand({ Bucket: this.#calls.bucket, Key: key });
      const { Body, ETag } = await this.#calls.send(command, { what: 'GET of an object', signal: limit });
      const sum = createHash('md5');
      if (Body !== undefined)
        for await (const chunk of interruptible(Body as AsyncIterable<Uint8Array>, limit)) sum.update(chunk);
      return ETag === etag ? sum.digest('hex') : null;
    } catch {
      signal?.throwIfAborted();
      return null;
    }
  }

  /**
   * Replaces the bad object by an empty one with the same metadata. Its length differs from the length in the metadata, so
   * it does not count as a copy and the next copy replaces it. Copiers have no permission to delete.
   */
  async #withdraw({ key, metadata, answer }: SentObject, signal: AbortSignal | undefined): Promise<void> {
    try {
      const nothing = Buffer.alloc(0);
      const command = new PutObjectCommand({
        Bucket: this.#calls.bucket,
        Key: key,
        IfMatch: answer.ETag,
        Body: nothing,
        Metadata: encodeMetadata(metadata),
        ...checksumOf(nothing, 'when_required'),
      });
      await this.#calls.send(command, { what: 'withdrawal of an object', signal });
    } catch {
      // The object was already replaced, or the store does not support the condition. The put fails in any case.
      signal?.throwIfAborted();
    }
  }
}

/** S3 documents MD5 ETags for objects that are unencrypted or use SSE-S3: API_Object.html of its API reference. */
function isPlain({ ServerSideEncryption, SSECustomerAlgorithm }: SentObject['answer']): boolean {
  return (
    SSECustomerAlgorithm === undefined &&
    (ServerSideEncryption === undefined || ServerSideEncryption === 'AES256')
  );
}

function md5(payload: Uint8Array): string {
  return createHash('md5').update(payload).digest('hex');
}

function corrupt(message: string): StorageError {
  return new StorageError('store_corrupt', message, { retryable: true });
}
