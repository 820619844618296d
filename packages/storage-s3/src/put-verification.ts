import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { interruptible, StorageError } from '@cloud-mirror/storage-provider';
import type { CallOptions } from '@cloud-mirror/storage-provider';
import { headObject } from './read-object.ts';
import type { ObjectHead } from './stored-object.ts';
import { checksumOf } from './payload-checksum.ts';
import type { S3Calls } from './s3-calls.ts';
import { encodeMetadata } from './stored-metadata.ts';

/** What was sent, and what the store said of it. */
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

/** Time for reading an object back, which is no longer than a part, in milliseconds. */
const READ_BACK_MS = 30_000;

/**
 * Holds what a store says it has against what was sent in one request. The checksum of the request does not do: a store
 * that takes a header for an instruction, and decodes the payload, has compared the checksum before.
 */
export class PutVerification {
  readonly #calls: S3Calls;
  /** Found out by reading an object back: ETags of this bucket look like MD5s and are something else. */
  #otherETags = false;

  constructor(calls: S3Calls) {
    this.#calls = calls;
  }

  /**
   * An ETag that is the MD5 of the payload proves all, at no cost. Any other may be no MD5 at all (encryption by KMS,
   * stores of other kinds), so the length of a HEAD is compared. Only one that should be an MD5 and is another has the
   * object read back, once where that shows that it is no MD5.
   * @throws StorageError `store_corrupt`, retryable
   */
  async verify(sent: SentObject, { signal }: CallOptions): Promise<void> {
    const { key, payload, answer } = sent;
    const told = /^"?([0-9a-f]{32})"?$/i.exec(answer.ETag ?? '')?.[1]?.toLowerCase();
    if (told !== undefined && told === md5(payload)) return;
    const head = await this.#head(key, signal);
    if (head === undefined) return;
    if (head === null) throw corrupt('the store has nothing where it said that it stored an object');
    // A later write of the key came between: this one took place nevertheless.
    if (answer.ETag !== undefined && head.ETag !== undefined && head.ETag !== answer.ETag) return;
    const { ContentLength: length = payload.length } = head;
    if (length !== payload.length)
      throw corrupt(`the store keeps ${length} bytes of an object of ${payload.length}`);
    if (told === undefined || this.#otherETags || !isPlain(answer)) return;
    const stored = await this.#readBack(key, answer.ETag, signal);
    if (stored === null) return;
    if (stored === md5(payload)) {
      this.#otherETags = true;
      return;
    }
    await this.#withdraw(sent, signal);
    throw corrupt('the store keeps other bytes than it was sent');
  }

  /** `undefined`: the store does not answer now. It took the request, whose checksum held; nothing speaks against it. */
  async #head(key: string, signal: AbortSignal | undefined): Promise<ObjectHead | null | undefined> {
    try {
      return await headObject(this.#calls, key, { signal });
    } catch (error) {
      if (error instanceof StorageError) return undefined;
      throw error;
    }
  }

  /** MD5 of the object's bytes; `null` where they cannot be read now, or are another object's by now. */
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
   * Puts an empty object over the bad one, with the same metadata: its length is not the one that the metadata tells,
   * so that nobody takes it for a copy and the next one replaces it. Copiers may not delete.
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
      // Another one has replaced it by now, or the store takes no such condition: the put fails in any case.
      signal?.throwIfAborted();
    }
  }
}

/** S3 documents MD5s for objects without encryption and with its own keys: API_Object.html of its API reference. */
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
