import { randomUUID } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { PutOptions, StoredObject } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { BodyReader } from './upload-parts.ts';
import { headObject } from './read-object.ts';
import type { ObjectHead } from './stored-object.ts';
import { MOST_PARTS, partSize, partsAtOnce } from './upload-parts.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { announcedChecksum, checksumOf } from './payload-checksum.ts';
import { hasName } from './s3-error.ts';
import type { Writing } from './writing.ts';
import { DEFAULT_PART_BYTES } from './s3-storage-provider-options.ts';
import { encodeHeaders, toStoredObject, UPLOAD_NONCE } from './stored-object.ts';
import { withUserMetadata } from './stored-metadata.ts';
import { inFormOf, withChecksums } from './writing.ts';

/**
 * A multipart upload of one object. Several upload parts are sent concurrently while the next is filled from the body. The
 * first failure, of a part or of the body, stops all of them. The upload is always completed, or aborted after all requests
 * for its parts have settled.
 */
export class MultipartUpload {
  readonly #writing: Writing;
  readonly #key: string;
  readonly #options: PutOptions;
  readonly #failure: AbortController;
  readonly #signal: AbortSignal;
  readonly #nonce = randomUUID();
  readonly #parts: CompletedPart[] = [];
  readonly #travelling = new Set<Promise<void>>();
  #takenBytes = 0;
  /** The checksum of the parts, as announced by CreateMultipartUpload. */
  #announced: ChecksumKind = 'when_required';

  /** @param failure aborted when a part fails; `signal` follows it and the caller's signal */
  constructor(
    writing: Writing,
    key: string,
    options: PutOptions,
    failure: AbortController,
    signal: AbortSignal,
  ) {
    this.#writing = writing;
    this.#key = key;
    this.#options = options;
    this.#failure = failure;
    this.#signal = signal;
  }

  /** @param first the buffer with the first part, whose ownership passes to the upload */
  async run(reader: BodyReader, first: Buffer): Promise<StoredObject> {
    const uploadId = await this.#create();
    let answered: { readonly etag: string | null };
    try {
      await this.#sendParts(uploadId, reader, first);
      answered = await this.#complete(uploadId, reader.readBytes);
    } catch (error) {
      this.#failure.abort(error);
      await Promise.all(this.#travelling);
      await this.#end(uploadId);
      throw error;
    }
    return this.#verified(answered.etag, reader.readBytes);
  }

  async #create(): Promise<string> {
    const { calls } = this.#writing;
    const { headers, metadata, userMetadata, attempts } = this.#options;
    const named = { ...metadata(), [UPLOAD_NONCE]: this.#nonce };
    const answer = await inFormOf(this.#writing, named, (form) => {
      this.#announced = form.checksums;
      return calls.send(
        new CreateMultipartUploadCommand({
          ...this.#target,
          Metadata: withUserMetadata(form.metadata, userMetadata),
          ...encodeHeaders(headers),
          ...announcedChecksum(form.checksums),
        }),
        { what: 'begin of an upload', signal: this.#signal, mayFinish: true, attempts },
      );
    });
    if (answer.UploadId === undefined)
      throw new StorageError('store_corrupt', 'the store began an upload but gave no id for it');
    return answer.UploadId;
  }

  async #sendParts(uploadId: string, reader: BodyReader, first: Buffer): Promise<void> {
    const { buffers, partBytes, partsInFlight } = this.#writing;
    let buffer = first;
    let filled = first.length;
    for (let number = 1; ;) {
      await this.#untilFewerThan(partsAtOnce(buffer.length, partBytes, partsInFlight));
      this.#send(uploadId, number, buffer, filled);
      if (filled < buffer.length) break;
      number += 1;
      buffer = buffers.take(partSize(number, this.#options.sizeBytes, partBytes));
      try {
        filled = await reader.fill(buffer);
      } catch (error) {
        buffers.giveBack(buffer);
        throw error;
      }
      if (filled > 0 && number <= MOST_PARTS) continue;
      buffers.giveBack(buffer);
      if (filled > 0)
        throw new StorageError('store_rejected', `the object has more than ${MOST_PARTS} parts`);
      break;
    }
    await Promise.all(this.#travelling);
    this.#signal.throwIfAborted();
  }

  async #untilFewerThan(most: number): Promise<void> {
    while (this.#travelling.size >= most) await Promise.race(this.#travelling);
    this.#signal.throwIfAborted();
  }

  /** Starts to send a part. A failure of the part aborts the signal. */
  #send(uploadId: string, number: number, buffer: Buffer, filled: number): void {
    const travelling = this.#sendPart(uploadId, number, buffer.subarray(0, filled))
      .catch((error: unknown) => this.#failure.abort(error))
      .finally(() => {
        this.#travelling.delete(travelling);
        this.#writing.buffers.giveBack(buffer);
      });
    this.#travelling.add(travelling);
  }

  async #sendPart(uploadId: string, number: number, payload: Buffer): Promise<void> {
    const { calls, capabilities } = this.#writing;
    const part = await withChecksums({ capabilities, checksums: this.#announced }, async (kind) => {
      const checksum = checksumOf(payload, kind);
      const answer = await calls.send(
        new UploadPartCommand({
          ...this.#target,
          UploadId: uploadId,
          PartNumber: number,
          Body: payload,
          ContentLength: payload.length,
          ...checksum,
        }),
        {
          what: `PUT of part ${number}`,
          signal: this.#signal,
          attempts: this.#options.attempts,
          timeLimits: Math.max(1, payload.length / DEFAULT_PART_BYTES),
        },
      );
      if (answer.ETag === undefined)
        throw new StorageError('store_corrupt', `the store took part ${number} but gave no ETag for it`);
      const { ContentMD5: _unknownToComplete, ...stored } = checksum;
      return { PartNumber: number, ETag: answer.ETag, ...stored };
    });
    this.#parts.push(part);
    this.#takenBytes += payload.length;
    this.#options.onProgress?.(this.#takenBytes);
  }

  /** @returns the ETag of the completed object; `null` if the store states none */
  async #complete(uploadId: string, sizeBytes: number): Promise<{ readonly etag: string | null }> {
    const { calls, conditions } = this.#writing;
    this.#parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
    const withChecksum = this.#parts.every(({ ChecksumCRC32 }) => ChecksumCRC32 !== undefined);
    const parts = withChecksum
      ? this.#parts
      : this.#parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
    try {
      const target = { key: this.#key, ...this.#options };
      const answer = await conditions.run(target, (condition) =>
        calls.send(
          new CompleteMultipartUploadCommand({
            ...this.#target,
            UploadId: uploadId,
            MultipartUpload: { Parts: parts },
            ...(withChecksum ? { MpuObjectSize: sizeBytes } : {}),
            ...condition,
          }),
          {
            what: 'completion of an upload',
            signal: this.#signal,
            mayFinish: true,
            attempts: this.#options.attempts,
            // The store assembles the parts before it answers, which takes minutes for large objects.
            timeLimits: Math.max(1, sizeBytes / (128 * DEFAULT_PART_BYTES)),
          },
        ),
      );
      if (answer.ETag !== undefined) return { etag: answer.ETag };
    } catch (error) {
      // The upload may be gone because an earlier try completed it and its answer was lost.
      if (!(error instanceof StorageError) || !hasName(error.cause, 'NoSuchUpload')) throw error;
    }
    const head = await this.#head();
    if (head?.Metadata?.[UPLOAD_NONCE] === this.#nonce) return { etag: head.ETag ?? null };
    throw new StorageError(
      'store_corrupt',
      'the store did not say whether it completed an upload, and has no object of it',
    );
  }

  async #verified(etag: string | null, sizeBytes: number): Promise<StoredObject> {
    const head = await this.#head();
    if (head?.Metadata?.[UPLOAD_NONCE] === this.#nonce) {
      const { ContentLength: stored = sizeBytes } = head;
      if (stored === sizeBytes) return { ...toStoredObject(head), sizeBytes };
      throw new StorageError('store_corrupt', `the store keeps ${stored} bytes of an object of ${sizeBytes}`);
    }
    if (head === null)
      throw new StorageError('store_corrupt', 'the store completed an upload but has no object');
    // A later write has replaced the object, after this write succeeded.
    const { headers, metadata } = this.#options;
    const storedAt = new Date(this.#writing.calls.clock.nowMs());
    return { sizeBytes, etag, storedAt, expiresAt: null, headers, metadata: metadata() };
  }

  /** Aborts the upload, independent of the signal of the put. If this fails, a later sweep aborts the upload. */
  async #end(uploadId: string): Promise<void> {
    try {
      await this.#writing.calls.send(
        new AbortMultipartUploadCommand({ ...this.#target, UploadId: uploadId }),
        { what: 'end of an upload' },
      );
    } catch {
      // The put already fails for another reason, and a 404 means that the upload is gone.
    }
  }

  #head(): Promise<ObjectHead | null> {
    return headObject(this.#writing.calls, this.#key, { signal: this.#signal });
  }

  get #target(): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#writing.calls.bucket, Key: this.#key };
  }
}
