import { PutObjectCommand } from '@aws-sdk/client-s3';
import { interruptible } from '@cloud-mirror/storage-provider';
import type { PutOptions, StoredObject } from '@cloud-mirror/storage-provider';
import { BodyReader, partSize } from './upload-parts.ts';
import type { WriteCondition } from './conditional-writes.ts';
import { MultipartUpload } from './multipart-upload.ts';
import { checksumOf } from './payload-checksum.ts';
import { encodeHeaders, parseExpiration } from './stored-object.ts';
import { withUserMetadata } from './stored-metadata.ts';
import type { WriteForm, Writing } from './writing.ts';
import { inFormOf } from './writing.ts';

/** Stores a body: in one request if it fits into one part, otherwise as a multipart upload. */
export async function putObject(
  writing: Writing,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<StoredObject> {
  const failure = new AbortController();
  const signals = [failure.signal, writing.calls.closed, ...(options.signal ? [options.signal] : [])];
  const signal = AbortSignal.any(signals);
  signal.throwIfAborted();
  const reader = new BodyReader(interruptible(body, signal), options.sizeBytes);
  try {
    const { partBytes, buffers } = writing;
    const wholeBytes = Math.min(options.sizeBytes ?? partBytes, partBytes);
    const firstBytes =
      options.sizeBytes !== null && options.sizeBytes > partBytes
        ? partSize(1, options.sizeBytes, partBytes)
        : wholeBytes;
    const first = buffers.take(firstBytes);
    let kept = false;
    try {
      const filled = await reader.fill(first);
      if (await reader.atEnd()) return await putWhole(writing, key, first.subarray(0, filled), options);
      kept = true;
    } finally {
      if (!kept) buffers.giveBack(first);
    }
    return await new MultipartUpload(writing, key, options, failure, signal).run(reader, first);
  } finally {
    await reader.dismiss();
  }
}

async function putWhole(
  writing: Writing,
  key: string,
  payload: Buffer,
  options: PutOptions,
): Promise<StoredObject> {
  const { calls, direct, conditions, verification } = writing;
  const metadata = options.metadata();
  const send = async (form: WriteForm, condition: WriteCondition) => {
    const put = {
      Key: key,
      Body: payload,
      Metadata: withUserMetadata(form.metadata, options.userMetadata),
      ...encodeHeaders(options.headers),
      ...checksumOf(payload, form.checksums),
      ...condition,
    };
    const command = new PutObjectCommand({ Bucket: calls.bucket, ContentLength: payload.length, ...put });
    // If only one try is allowed, the SDK makes it: see S3Calls.send.
    const plainTry = direct.put(put);
    const { signal, attempts } = options;
    const sent = await calls.send(command, { what: 'PUT of an object', signal, attempts }, plainTry.send);
    plainTry.settledBySdk();
    return sent;
  };
  // The condition is the innermost option, so it is removed first: a 501 is usually about it.
  const answer = await inFormOf(writing, metadata, (form) =>
    conditions.run({ key, ...options }, (condition) => send(form, condition)),
  );
  await verification.verify({ key, payload, metadata, answer }, options);
  options.onProgress?.(payload.length);
  return {
    sizeBytes: payload.length,
    etag: answer.ETag ?? null,
    storedAt: new Date(calls.clock.nowMs()),
    expiresAt: parseExpiration(answer.Expiration),
    headers: options.headers,
    metadata,
  };
}
