import { createHash, randomBytes } from 'node:crypto';
import type { ObjectHeaders, StoredObject } from '@cloud-mirror/storage-provider';
import { routedKey } from './routed-key.ts';
import { entityTag, ETAG_METADATA, putVerified, userMetadata } from './routed-objects.ts';
import type { RoutedStore, Upload } from './routed-objects.ts';
import { UploadError } from './upload-error.ts';

/** A part that has been stored. */
export interface UploadPart {
  readonly number: number;
  /** With its quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
}

/** What the begin of an upload says about the object. */
interface UploadRecord {
  readonly key: string;
  readonly headers: ObjectHeaders;
  readonly metadata: Readonly<Record<string, string>>;
}

const UPLOADS = 'routed-uploads/';
const ID = /^[0-9a-f]{32}$/;

/**
 * Uploads in parts to one folder, as in S3. Parts are ordinary objects that may be evicted, least recently used first, so
 * abandoned uploads need no other limit. The completed object is written from its parts at once, which needs space for
 * both.
 */
export class RoutedUploads {
  readonly #store: RoutedStore;

  constructor(store: RoutedStore) {
    this.#store = store;
  }

  /** @returns the UploadId */
  async begin(
    key: string,
    headers: ObjectHeaders,
    counting: Readonly<Record<string, string>>,
  ): Promise<string> {
    const uploadId = randomBytes(16).toString('hex');
    const record: UploadRecord = { key, headers, metadata: userMetadata(counting) };
    const body = Buffer.from(JSON.stringify(record));
    await this.#store.put(recordKey(uploadId), once(body), {
      headers: { contentType: 'application/json' },
      sizeBytes: body.length,
      metadata: () => ({}),
    });
    return uploadId;
  }

  /** @returns null if the key has no such upload */
  async putPart(key: string, uploadId: string, number: number, upload: Upload): Promise<StoredObject | null> {
    if ((await this.#record(key, uploadId)) === null) return null;
    return putVerified(this.#store, partKey(uploadId, number), upload, { keep: false });
  }

  /** @returns the parts in the order of their numbers; null if the key has no such upload */
  async parts(key: string, uploadId: string): Promise<UploadPart[] | null> {
    if ((await this.#record(key, uploadId)) === null) return null;
    const parts: UploadPart[] = [];
    for await (const { key: storeKey } of this.#store.list(uploadPrefix(uploadId))) {
      const number = Number(storeKey.slice(uploadPrefix(uploadId).length));
      if (!Number.isInteger(number)) continue;
      const stored = await this.#store.head(storeKey);
      if (stored === null) continue;
      parts.push({ number, etag: entityTag(stored) ?? '', sizeBytes: stored.sizeBytes ?? 0 });
    }
    return parts.sort((one, other) => one.number - other.number);
  }

  /**
   * Makes the object of the named parts.
   * @returns its ETag: the MD5 of the MD5s of its parts, and their number. null if the key has no such upload
   * @throws UploadError `part_invalid` if a part is missing or has another ETag, or the order is wrong
   */
  async complete(
    key: string,
    uploadId: string,
    named: readonly Pick<UploadPart, 'number' | 'etag'>[],
    { onlyNew, signal }: Pick<Upload, 'onlyNew' | 'signal'>,
  ): Promise<string | null> {
    const record = await this.#record(key, uploadId);
    const stored = await this.parts(key, uploadId);
    if (record === null || stored === null) return null;
    const parts = chosenParts(named, stored);
    const md5 = createHash('md5');
    for (const { etag } of parts) md5.update(Buffer.from(etag.replaceAll('"', ''), 'hex'));
    const etag = `"${md5.digest('hex')}-${parts.length}"`;
    await this.#store.put(routedKey(key), this.#joined(uploadId, parts), {
      headers: record.headers,
      sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      metadata: () => ({ [ETAG_METADATA]: etag }),
      userMetadata: record.metadata,
      ifNoneMatch: onlyNew ? '*' : undefined,
      keep: true,
      signal,
    });
    await this.#remove(uploadId);
    return etag;
  }

  /** @returns false if the key has no such upload */
  async abort(key: string, uploadId: string): Promise<boolean> {
    if ((await this.#record(key, uploadId)) === null) return false;
    await this.#remove(uploadId);
    return true;
  }

  async *#joined(
    uploadId: string,
    parts: readonly UploadPart[],
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { number, etag } of parts) {
      await using part = await this.#store.openKey(partKey(uploadId, number));
      if (part === null || entityTag(part.object) !== etag) throw invalidPart(number);
      yield* part.read(0, part.object.sizeBytes);
    }
  }

  async #record(key: string, uploadId: string): Promise<UploadRecord | null> {
    if (!ID.test(uploadId)) return null;
    await using opened = await this.#store.openKey(recordKey(uploadId));
    if (opened === null) return null;
    const chunks: Uint8Array[] = [];
    for await (const chunk of opened.read(0, opened.object.sizeBytes)) chunks.push(chunk);
    const record = JSON.parse(Buffer.concat(chunks).toString()) as UploadRecord;
    return record.key === key ? record : null;
  }

  async #remove(uploadId: string): Promise<void> {
    // The record first: without it, the upload is over for every request.
    await this.#store.delete(recordKey(uploadId));
    for await (const { key } of this.#store.list(uploadPrefix(uploadId))) await this.#store.delete(key);
  }
}

function uploadPrefix(uploadId: string): string {
  return `${UPLOADS}${uploadId}/`;
}

function recordKey(uploadId: string): string {
  return `${uploadPrefix(uploadId)}record`;
}

function partKey(uploadId: string, number: number): string {
  return `${uploadPrefix(uploadId)}${number}`;
}

function chosenParts(
  named: readonly Pick<UploadPart, 'number' | 'etag'>[],
  stored: readonly UploadPart[],
): UploadPart[] {
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  let last = 0;
  const parts = named.map(({ number, etag }) => {
    const part = byNumber.get(number);
    if (part === undefined || part.etag !== `"${etag.replaceAll('"', '')}"` || number <= last)
      throw invalidPart(number);
    last = number;
    return part;
  });
  if (parts.length === 0) throw new UploadError('part_invalid', 'the list of parts is empty or malformed');
  return parts;
}

function invalidPart(number: number): UploadError {
  return new UploadError(
    'part_invalid',
    `part ${number} is missing, has another ETag, or is out of order: list the parts, and send it again`,
  );
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
