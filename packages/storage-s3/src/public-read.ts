import { randomBytes } from 'node:crypto';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { PublicRead, PublicReadOptions, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { headObject } from './read-object.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { checksumOf } from './payload-checksum.ts';
import type { PublicAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';

/** Time limit of the anonymous read. It passes through all proxies and CDNs in front of the public address. */
const READ_LIMIT_MS = 5_000;

export interface PublicReading {
  readonly calls: S3Calls;
  readonly addresses: PublicAddresses;
  /** The prefixes under which copies are listed and a trial object is stored. */
  readonly keyLayout: KeyLayout;
  readonly checksums: ChecksumKind;
}

/**
 * Reads one byte of a copy as a client does: at the public address, without credentials. This needs an existing object,
 * because S3 also answers 403 to anonymous requests for absent objects.
 * @throws StorageError if the store does not say whether it has a copy
 */
export async function checkPublicRead(
  reading: PublicReading,
  { trial = false, signal }: PublicReadOptions,
): Promise<PublicRead> {
  const found = await someKey(reading, signal);
  const result = found === null ? 'removed' : await read(reading, found, signal);
  if (result !== 'removed') return result;
  if (!trial && found !== null)
    return { state: 'untried', why: 'the copy was removed before it could be read' };
  if (!trial) return { state: 'untried', why: 'there is no copy yet to read' };
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
    // Some stores encode keys without saying so, or do not encode them. A HEAD tries both readings.
    for (const candidate of key === undefined ? [] : [decoded(key), key])
      if (candidate.startsWith(Prefix) && (await mayBeThere(calls, candidate, signal))) return candidate;
  }
  return null;
}

/** Returns true if HEAD is forbidden: credentials for setup may allow listing but not reading. */
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

/** The key of the trial object has a prefix of copies, because the bucket policy may allow public reads of only those. */
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
      { what: 'PUT of a trial object', signal },
    );
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'store_forbidden') throw error;
    return {
      state: 'untried',
      why: 'there is no copy yet, and the credentials may not store a trial object',
    };
  }
  try {
    const result = await read(reading, Key, signal);
    return result === 'removed' ? { state: 'untried', why: 'the trial object is gone' } : result;
  } finally {
    // If this fails, the bucket's lifecycle rules remove the object.
    await calls
      .send(new DeleteObjectCommand(target), { what: 'DELETE of a trial object' })
      .catch(() => undefined);
  }
}

/** @returns `removed` if the object no longer exists, so that the answer says nothing */
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
  // 416: the object is empty, so it has no first byte.
  if ((status >= 200 && status < 300) || status === 416) return { state: 'readable' };
  if (status >= 500 || status === 429 || status === 408)
    return { state: 'untried', why: `${host} answers ${status}` };
  // The object may have been removed since the listing, by lifecycle rules, a purge or the end of another trial. Stores
  // then also answer 403 to anonymous requests.
  if (!(await mayBeThere(calls, key, signal))) return 'removed';
  return { state: 'refused', status, host };
}

/** The status of an anonymous GET. Follows redirects, as clients do. */
async function anonymousStatus(url: string, signal: AbortSignal | undefined): Promise<number> {
  const limit = AbortSignal.timeout(READ_LIMIT_MS);
  const response = await fetch(url, {
    headers: { range: 'bytes=0-0' },
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  await response.body?.cancel();
  return response.status;
}
