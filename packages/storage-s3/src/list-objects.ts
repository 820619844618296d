import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type {
  CallOptions,
  FolderListing,
  FolderPage,
  ListedObject,
  ListOptions,
} from '@cloud-mirror/storage-provider';
import { compareBytes, firstName, StorageError } from '@cloud-mirror/storage-provider';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';

export async function* listObjects(
  calls: S3Calls,
  prefix: string,
  { startAfter, signal }: ListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  let next: { readonly ContinuationToken?: string; readonly StartAfter?: string } | undefined =
    startAfter === undefined ? {} : { StartAfter: startAfter };
  while (next !== undefined) {
    const page: Awaited<ReturnType<typeof listObjectsPage>> = await listObjectsPage(
      calls,
      prefix,
      next,
      signal,
    );
    const contents = page.Contents ?? [];
    const keys = new ListedKeys(
      contents.map(({ Key }) => Key ?? ''),
      page.EncodingType,
    );
    let last: string | undefined;
    for (const { Key, ETag, Size, LastModified } of contents) {
      if (Key === undefined) continue;
      // Some stores treat the prefix as a pattern, so it is checked again.
      const key = keys.readings(Key).find((reading) => reading.startsWith(prefix));
      last = key ?? keys.readings(Key)[0];
      // A store may ignore where the listing is to start.
      if (key === undefined || (startAfter !== undefined && compareBytes(key, startAfter) <= 0)) continue;
      yield { key, etag: ETag ?? null, sizeBytes: Size ?? 0, storedAt: LastModified ?? new Date(0) };
    }
    next = page.IsTruncated === true ? nextObjects(page.NextContinuationToken, last, next) : undefined;
  }
}

/** Sorts after every key that begins with what stands before it. */
const LAST_CHARACTER = '\u{10ffff}';

/** Lists one level of names. A page of the store may have no new name, so several may be needed. */
export async function listFolder(
  calls: S3Calls,
  prefix: string,
  { after, limit, signal }: FolderListing,
): Promise<FolderPage> {
  const names: string[] = [];
  let next: PageStart | undefined =
    after === null ? {} : { StartAfter: prefix + after + (after.endsWith('/') ? LAST_CHARACTER : '') };
  while (next !== undefined && names.length < limit) {
    const page: Awaited<ReturnType<typeof listObjectsPage>> = await listObjectsPage(
      calls,
      prefix,
      { ...next, Delimiter: '/', MaxKeys: limit - names.length },
      signal,
    );
    const listed = [
      ...(page.Contents ?? []).map(({ Key }) => Key ?? ''),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
    ];
    const keys = new ListedKeys(listed, page.EncodingType);
    // A store that ignores the delimiter lists whole keys, and the same name with several.
    const found = listed
      .map((one) => keys.readings(one).find((reading) => reading.startsWith(prefix)) ?? '')
      .map((key) => firstName(key.slice(prefix.length)))
      .filter((name) => name !== '' && (after === null || compareBytes(name, after) > 0))
      .filter((name, index, all) => all.indexOf(name) === index && !names.includes(name))
      .sort(compareBytes);
    names.push(...found);
    const last = found.at(-1);
    next =
      page.IsTruncated === true
        ? nextObjects(
            page.NextContinuationToken,
            last === undefined ? undefined : prefix + last + (last.endsWith('/') ? LAST_CHARACTER : ''),
            next,
          )
        : undefined;
  }
  return { names: names.slice(0, limit), more: next !== undefined || names.length > limit };
}

interface PageStart {
  readonly ContinuationToken?: string;
  readonly StartAfter?: string;
}

function listObjectsPage(
  calls: S3Calls,
  prefix: string,
  next: PageStart & { readonly Delimiter?: string; readonly MaxKeys?: number },
  signal: AbortSignal | undefined,
) {
  return calls.send(
    new ListObjectsV2Command({ Bucket: calls.bucket, Prefix: prefix, EncodingType: 'url', ...next }),
    { what: 'LIST of objects', signal },
  );
}

/** @throws StorageError `store_corrupt` if the store would return the same page forever */
function nextObjects(
  token: string | undefined,
  last: string | undefined,
  before: { readonly ContinuationToken?: string; readonly StartAfter?: string },
): { readonly ContinuationToken?: string; readonly StartAfter?: string } {
  if (token !== undefined && token !== before.ContinuationToken) return { ContinuationToken: token };
  if (token === undefined && last !== undefined && last !== before.StartAfter) return { StartAfter: last };
  throw endlessListing('objects');
}

interface OpenUpload {
  /** Possible readings of the key, the most likely first. */
  readonly keys: readonly [string, ...string[]];
  readonly uploadId: string;
  readonly begunAt: Date | undefined;
}

/** Aborts uploads that began before `before`, of keys with one of `prefixes`. @returns the number of aborted uploads */
export async function endOldUploads(
  calls: S3Calls,
  prefixes: readonly string[],
  before: Date,
  { signal }: CallOptions,
): Promise<number> {
  let ended = 0;
  for await (const { keys, uploadId, begunAt } of listUploads(calls, { signal })) {
    if (begunAt === undefined || begunAt >= before) continue;
    const own = keys.filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
    // An upload id is valid only for its key, so a wrong reading of the key gets a 404 and aborts nothing.
    for (const key of own) {
      if (!(await endUpload(calls, key, uploadId, signal))) continue;
      ended += 1;
      break;
    }
  }
  return ended;
}

/** @returns false if this key has no such upload */
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
    // Another process has completed or aborted the upload.
    if (error instanceof StorageError && isAbsent(error.cause)) return false;
    throw error;
  }
}

interface UploadMarker {
  readonly KeyMarker?: string;
  readonly UploadIdMarker?: string;
}

async function* listUploads(
  calls: S3Calls,
  { signal }: CallOptions,
): AsyncGenerator<OpenUpload, void, undefined> {
  let marker: UploadMarker | undefined = {};
  while (marker !== undefined) {
    const page: Awaited<ReturnType<typeof listUploadsPage>> = await listUploadsPage(calls, marker, signal);
    const uploads = page.Uploads ?? [];
    const keys = new ListedKeys(
      uploads.map(({ Key }) => Key ?? ''),
      page.EncodingType,
    );
    let last: OpenUpload | undefined;
    for (const { Key, UploadId, Initiated } of uploads) {
      if (Key === undefined || UploadId === undefined) continue;
      last = { keys: keys.readings(Key), uploadId: UploadId, begunAt: Initiated };
      yield last;
    }
    marker =
      page.IsTruncated === true
        ? nextUploads({ key: page.NextKeyMarker, uploadId: page.NextUploadIdMarker }, last, keys, marker)
        : undefined;
  }
}

/**
 * The start of the next page. The marker may be encoded differently than the keys of its page (radosgw 16 encodes only
 * the keys), so it is matched with the last key of the page if possible.
 * @throws StorageError `store_corrupt` if the store would return the same page forever
 */
function nextUploads(
  stated: { readonly key: string | undefined; readonly uploadId: string | undefined },
  last: OpenUpload | undefined,
  keys: ListedKeys,
  before: UploadMarker,
): UploadMarker {
  const readings: readonly string[] = stated.key === undefined ? [] : keys.readings(stated.key);
  const key = last?.keys.find((reading) => readings.includes(reading)) ?? readings[0] ?? last?.keys[0];
  const uploadId = stated.key === undefined ? last?.uploadId : stated.uploadId;
  if (key === undefined || (key === before.KeyMarker && uploadId === before.UploadIdMarker))
    throw endlessListing('uploads');
  return { KeyMarker: key, ...(uploadId === undefined ? {} : { UploadIdMarker: uploadId }) };
}

function listUploadsPage(calls: S3Calls, marker: UploadMarker, signal: AbortSignal | undefined) {
  return calls.send(
    new ListMultipartUploadsCommand({ Bucket: calls.bucket, EncodingType: 'url', ...marker }),
    { what: 'LIST of uploads', signal },
  );
}

function endlessListing(what: string): StorageError {
  return new StorageError('store_corrupt', `the store states no valid start of the next page of ${what}`);
}

/**
 * Characters that every URL encoding of keys replaces. AWS documents its encoding only by example:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_RequestSyntax (encoding-type)
 */
const ALWAYS_ENCODED = /[^\x21-\x7e]|[:?#[\]@&=,;$"<>\\^`{|}]/;
/** Characters that even the most lenient encoding replaces. */
const NEVER_LEFT = /[^\x21-\x7e]|["<>\\^`{|}]/;

/**
 * Decodes the keys of a listing. Listings are requested with `encoding-type=url`, because XML cannot represent every
 * character of a key. A store may encode keys and say so (AWS), encode them without saying so (radosgw 16, for uploads),
 * or not encode them. All keys of one page have the same encoding.
 */
export class ListedKeys {
  readonly #encoded: boolean;

  /**
   * @param listed the keys of one page, as listed
   * @param encodingType the encoding that the page states
   */
  constructor(listed: readonly string[], encodingType: string | undefined) {
    const decodable = listed.every((key) => decode(key) !== null);
    // The stated encoding is assumed unless a key contradicts it.
    const raw = encodingType === 'url' ? NEVER_LEFT : ALWAYS_ENCODED;
    this.#encoded = decodable && !listed.some((key) => raw.test(key));
  }

  /** The most likely reading of a listed key, followed by the other one if it is ambiguous. */
  readings(listed: string): readonly [string, ...string[]] {
    const decoded = decode(listed);
    if (decoded === null || decoded === listed) return [listed];
    return this.#encoded ? [decoded, listed] : [listed, decoded];
  }
}

/** Decodes S3's URL encoding, where a space is `+`. @returns `null` if the text is not encoded */
function decode(listed: string): string | null {
  try {
    return decodeURIComponent(listed.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
