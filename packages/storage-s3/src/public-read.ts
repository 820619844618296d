import { randomBytes } from 'node:crypto';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { PublicRead, PublicReadOptions, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { headObject } from './read-object.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { checksumOf } from './payload-checksum.ts';
import type { PublicAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';

/** Of the anonymous read: it leads through whatever stands between here and the clients' address. */
const READ_LIMIT_MS = 5_000;

export interface PublicReading {
  readonly calls: S3Calls;
  readonly addresses: PublicAddresses;
  /** Where copies are looked for, and where a trial object is stored. */
  readonly keyLayout: KeyLayout;
  readonly checksums: ChecksumKind;
}

/**
 * Reads one byte of a copy as a client does: at the address that clients get, without credentials. Without an object
 * that is there nothing can be told, since S3 answers 403 to strangers for absent ones as well.
 * @throws StorageError where the store does not say whether it has a copy
 */
export async function checkPublicRead(
  reading: PublicReading,
  { trial = false, signal }: PublicReadOptions,
): Promise<PublicRead> {
  const found = await someKey(reading, signal);
  const told = found === null ? 'removed' : await read(reading, found, signal);
  if (told !== 'removed') return told;
  if (!trial && found !== null)
    return { state: 'untried', why: 'the copy that was to be read has just been removed' };
  if (!trial) return { state: 'untried', why: 'there is no copy yet that could be read' };
  return readTrialObject(reading, signal);
}

async function someKey(
  { calls, keyLayout }: PublicReading,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  for (const Prefix of keyLayout.copyPrefixes) {
    const { Contents } = await calls.send(
      new ListObjectsV2Command({ Bucket: calls.bucket, Prefix, MaxKeys: 1, EncodingType: 'url' }),
      { what: 'LIST of a copy', signal },
    );
    const key = Contents?.[0]?.Key;
    // Stores differ in whether they encode keys and say so: both forms are tried by HEAD.
    for (const candidate of key === undefined ? [] : [decoded(key), key])
      if (candidate.startsWith(Prefix) && (await mayBeThere(calls, candidate, signal))) return candidate;
  }
  return null;
}

/** Who may list a bucket need not be allowed to look at objects, as who sets it up. */
async function mayBeThere(calls: S3Calls, key: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await headObject(calls, key, { signal })) !== null;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'store_forbidden') return true;
    throw error;
  }
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}

/** Under a key that copies may have, so that a policy which opens only those is heeded; nobody asks for this one. */
async function readTrialObject(reading: PublicReading, signal: AbortSignal | undefined): Promise<PublicRead> {
  const { calls, checksums, keyLayout } = reading;
  const Key = keyLayout.hashedPrefix + randomBytes(32).toString('hex');
  const target = { Bucket: calls.bucket, Key };
  const Body = Buffer.from('to see whether clients may read this');
  try {
    await calls.send(
      new PutObjectCommand({
        ...target,
        Body,
        ContentLength: Body.length,
        ContentType: 'text/plain',
        ...checksumOf(Body, checksums),
      }),
      { what: 'PUT of an object to try reading', signal },
    );
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'store_forbidden') throw error;
    return { state: 'untried', why: 'there is no copy yet, and no object may be stored to try it with' };
  }
  try {
    const told = await read(reading, Key, signal);
    return told === 'removed' ? { state: 'untried', why: 'the object to try reading is gone' } : told;
  } finally {
    // The bucket's lifecycle rules remove what this cannot.
    await calls
      .send(new DeleteObjectCommand(target), { what: 'DELETE of an object to try reading' })
      .catch(() => undefined);
  }
}

/** @returns `removed` where the store has no such object any more, so that the answer tells nothing */
async function read(
  { calls, addresses }: PublicReading,
  key: string,
  signal: AbortSignal | undefined,
): Promise<PublicRead | 'removed'> {
  const url = await addresses.address(key);
  const host = new URL(url).host;
  let status: number;
  try {
    status = await anonymousStatus(url, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const { cause, name } = error as Error;
    const reason = (cause as { readonly code?: string } | undefined)?.code ?? name;
    return { state: 'untried', why: `${host} does not answer from here: ${reason}` };
  }
  // 416: the object is empty, so that it has no first byte.
  if ((status >= 200 && status < 300) || status === 416) return { state: 'readable' };
  if (status >= 500 || status === 429 || status === 408)
    return { state: 'untried', why: `${host} answers ${status}` };
  // Lifecycle rules, a purge or the end of a trial may have removed it since it was listed. Stores answer 403 to strangers
  // then, as for every absent object.
  if (!(await mayBeThere(calls, key, signal))) return 'removed';
  return { state: 'refused', status, host };
}

/** Follows redirects, as clients do. */
async function anonymousStatus(url: string, signal: AbortSignal | undefined): Promise<number> {
  const limit = AbortSignal.timeout(READ_LIMIT_MS);
  const response = await fetch(url, {
    headers: { range: 'bytes=0-0' },
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  await response.body?.cancel();
  return response.status;
}
