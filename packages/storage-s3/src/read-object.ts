import { HeadObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type {
  CallOptions,
  ByteRange,
  OpenedBody,
  OpenOptions,
  StoredObject,
} from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { orAborted, TimeLimit } from '@cloud-mirror/waiting';
import type { ObjectCallsBesideSdk } from './object-calls-beside-sdk.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent, hasName } from './s3-error.ts';
import type { ObjectHead } from './stored-object.ts';
import { toStoredObject } from './stored-object.ts';

/**
 * Returns `null` only for 404. A 403 is an error, although S3 answers 403 for absent objects without `s3:ListBucket`.
 * @param direct makes the first try directly, before the SDK
 */
export async function headObject(
  calls: S3Calls,
  key: string,
  { signal }: CallOptions,
  direct: ObjectCallsBesideSdk | null = null,
): Promise<ObjectHead | null> {
  const command = new HeadObjectCommand({ Bucket: calls.bucket, Key: key });
  const options = { what: 'HEAD of an object', signal };
  const plainTry = direct?.head(key);
  try {
    const head = await calls.send(command, options, plainTry?.send);
    if ('plain' in head) return head.plain;
    plainTry?.settledBySdk();
    return head;
  } catch (error) {
    if (!(error instanceof StorageError) || !isAbsent(error.cause)) throw error;
    plainTry?.settledBySdk();
    return null;
  }
}

/** Returns `null` only for 404, as for HEAD. */
export async function openObject(
  calls: S3Calls,
  key: string,
  { range, signal }: OpenOptions,
): Promise<OpenedBody | null> {
  if (range !== undefined && range.start >= range.endExclusive) return openNothing(calls, key, signal);
  const Range = range === undefined ? undefined : `bytes=${range.start}-${range.endExclusive - 1}`;
  try {
    const command = new GetObjectCommand({ Bucket: calls.bucket, Key: key, Range });
    const answer = await calls.send(command, { what: 'GET of an object', signal });
    const contentRange = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '');
    const ContentLength = contentRange === null ? answer.ContentLength : Number(contentRange[2]);
    const body = answer.Body as Readable;
    // A store that ignores the range sends the whole object.
    const chunks = cut(chunksOf(calls, body, signal), range, Number(contentRange?.[1] ?? 0));
    return opened(toStoredObject({ ...answer, ContentLength }), chunks, () => body.destroy());
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (isAbsent(error.cause)) return null;
    // 416: the range begins beyond the end of the object.
    if (range !== undefined && hasName(error.cause, 'InvalidRange')) return openNothing(calls, key, signal);
    throw error;
  }
}

async function openNothing(
  calls: S3Calls,
  key: string,
  signal: AbortSignal | undefined,
): Promise<OpenedBody | null> {
  const head = await headObject(calls, key, { signal });
  return head === null ? null : opened(toStoredObject(head), nothing(), () => undefined);
}

function opened(object: StoredObject, body: AsyncIterable<Uint8Array>, close: () => void): OpenedBody {
  return { object, body, [Symbol.asyncDispose]: async () => close() };
}

/** Applies the time limit of a request to each chunk. */
async function* chunksOf(
  calls: S3Calls,
  body: Readable,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      using limit = new TimeLimit(calls.timeoutMs, () =>
        unavailable(`no bytes within ${calls.timeoutMs} ms`, undefined),
      );
      limit.endOn(signal);
      limit.endOn(calls.closed);
      let next: IteratorResult<Uint8Array>;
      try {
        next = await orAborted(chunks.next(), limit.signal);
      } catch (error) {
        limit.signal.throwIfAborted();
        throw unavailable('the store broke off', error);
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    body.destroy();
  }
}

/** @param at offset of the first chunk in the object */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  range: ByteRange | undefined,
  at: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, endExclusive } = range ?? { start: 0, endExclusive: Infinity };
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, endExclusive - at));
    at += chunk.length;
    if (wanted.length > 0) yield wanted;
    if (at >= endExclusive) return;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

function unavailable(message: string, cause: unknown): StorageError {
  return new StorageError('store_unavailable', `GET of an object: ${message}`, { cause });
}
