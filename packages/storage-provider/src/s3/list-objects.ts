import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { CallOptions, ListedObject } from '../storage-provider.ts';
import { StorageError } from '../storage-provider.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';

export async function* listObjects(
  calls: S3Calls,
  prefix: string,
  { signal }: CallOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  let token: string | undefined;
  do {
    const page = await calls.send(
      // XML cannot hold every character of a key, so keys are asked for percent-encoded.
      new ListObjectsV2Command({
        Bucket: calls.bucket,
        Prefix: prefix,
        EncodingType: 'url',
        ContinuationToken: token,
      }),
      { what: 'LIST of objects', signal },
    );
    for (const { Key, ETag, Size, LastModified } of page.Contents ?? []) {
      if (Key === undefined) continue;
      const key = decodeKey(Key, page.EncodingType);
      // Stores that take a prefix for a pattern are not trusted with it.
      if (!key.startsWith(prefix)) continue;
      yield { key, etag: ETag ?? null, sizeBytes: Size ?? 0, storedAt: LastModified ?? new Date(0) };
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly begunAt: Date | undefined;
}

/** Ends uploads of keys with one of `prefixes` that began before `before`. @returns how many */
export async function endOldUploads(
  calls: S3Calls,
  prefixes: readonly string[],
  before: Date,
  { signal }: CallOptions,
): Promise<number> {
  let ended = 0;
  for await (const { key, uploadId, begunAt } of listUploads(calls, { signal })) {
    if (begunAt === undefined || begunAt >= before) continue;
    if (!prefixes.some((prefix) => key.startsWith(prefix))) continue;
    if (await endUpload(calls, key, uploadId, signal)) ended += 1;
  }
  return ended;
}

async function endUpload(
  calls: S3Calls,
  key: string,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await calls.send(
      new AbortMultipartUploadCommand({ Bucket: calls.bucket, Key: key, UploadId: uploadId }),
      { what: 'end of an upload', signal },
    );
    return true;
  } catch (error) {
    // Completed or ended by somebody else in the meantime.
    if (error instanceof StorageError && isAbsent(error.cause)) return false;
    throw error;
  }
}

async function* listUploads(
  calls: S3Calls,
  { signal }: CallOptions,
): AsyncGenerator<OpenUpload, void, undefined> {
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const page: Awaited<ReturnType<typeof listUploadsPage>> = await listUploadsPage(calls, marker, signal);
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined) continue;
      yield { key: decodeKey(Key, page.EncodingType), uploadId: UploadId, begunAt: Initiated };
    }
    marker = undefined;
    if (page.IsTruncated === true && page.NextKeyMarker !== undefined) {
      const { NextKeyMarker, NextUploadIdMarker, EncodingType } = page;
      marker = {
        KeyMarker: decodeKey(NextKeyMarker, EncodingType),
        ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
      };
    }
  }
}

function listUploadsPage(
  calls: S3Calls,
  marker: { KeyMarker?: string; UploadIdMarker?: string },
  signal: AbortSignal | undefined,
) {
  return calls.send(
    new ListMultipartUploadsCommand({ Bucket: calls.bucket, EncodingType: 'url', ...marker }),
    { what: 'LIST of uploads', signal },
  );
}

/** S3's URL encoding writes a space as `+`. */
function decodeKey(key: string, encodingType: string | undefined): string {
  return encodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}
