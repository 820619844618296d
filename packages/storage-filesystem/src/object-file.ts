import { crc32 } from 'node:zlib';
import type { DiskFile } from './disk.ts';
import type { MeasuredObject, ObjectHeaders } from '@cloud-mirror/storage-provider';

/**
 * An object is one file, so that one rename makes its bytes and its description visible together. The file contains the
 * bytes, then the description as JSON, then a trailer of 20 bytes: the length of the JSON (4 bytes, big-endian), the
 * CRC-32 of the JSON (4 bytes, big-endian), and the magic number `CMOBJECT-001`.
 */
const MAGIC = Buffer.from('CMOBJECT-001', 'latin1');
const TRAILER_BYTES = 8 + MAGIC.length;
/** Bytes of the first read from the end of the file, which covers nearly every description. */
const TAIL_BYTES = 4096;

export interface ObjectDescription {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  readonly headers: ObjectHeaders;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the object is never evicted. Absent in files of versions before 0.3: see {@link isKept}. */
  readonly keep?: boolean;
}

/**
 * Whether an object is never evicted.
 *
 * Versions before 0.3 kept every object whose key is a path of plain words, without `keep` in the description. A damaged
 * file of such a key is kept too, because its description may have said so.
 * @param description `null` if the file is damaged
 */
export function isKept(kind: 'named' | 'hashed', description: ObjectDescription | null): boolean {
  return description?.keep ?? kind === 'named';
}

export function encodeFooter(description: ObjectDescription): Buffer {
  const json = Buffer.from(JSON.stringify(description));
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32BE(json.length, 0);
  trailer.writeUInt32BE(crc32(json), 4);
  MAGIC.copy(trailer, 8);
  return Buffer.concat([json, trailer]);
}

/** Reads the description from the end of the file; `null` if the file is damaged. */
export async function readDescription(file: DiskFile, fileBytes: number): Promise<ObjectDescription | null> {
  if (fileBytes < TRAILER_BYTES) return null;
  const tail = await readExactly(file, Math.max(0, fileBytes - TAIL_BYTES), fileBytes);
  if (tail === null) return null;
  const trailer = tail.subarray(tail.length - TRAILER_BYTES);
  const jsonBytes = trailer.readUInt32BE(0);
  const jsonStart = fileBytes - TRAILER_BYTES - jsonBytes;
  if (!trailer.subarray(8).equals(MAGIC) || jsonStart < 0) return null;
  const inTail = jsonStart - (fileBytes - tail.length);
  const json =
    inTail >= 0
      ? tail.subarray(inTail, inTail + jsonBytes)
      : await readExactly(file, jsonStart, jsonStart + jsonBytes);
  if (json === null || crc32(json) !== trailer.readUInt32BE(4)) return null;
  const description = JSON.parse(json.toString()) as ObjectDescription;
  return description.sizeBytes === jsonStart ? description : null;
}

export function toStoredObject(description: ObjectDescription): MeasuredObject {
  const { sizeBytes, etag, storedAt, headers, metadata } = description;
  return { sizeBytes, etag, storedAt: new Date(storedAt), expiresAt: null, headers, metadata };
}

async function readExactly(file: DiskFile, start: number, endExclusive: number): Promise<Buffer | null> {
  const buffer = Buffer.allocUnsafe(endExclusive - start);
  let filled = 0;
  while (filled < buffer.length) {
    const bytesRead = await file.read(buffer, filled, buffer.length - filled, start + filled);
    if (bytesRead === 0) return null;
    filled += bytesRead;
  }
  return buffer;
}
