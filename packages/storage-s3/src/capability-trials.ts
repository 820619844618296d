import { randomUUID } from 'node:crypto';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions, CapabilityName, Support, KeyLayout } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { mayRefuseHeader, mayRefuseMetadata, statusOf, isKeyRefusal } from './refusals.ts';
import { headObject } from './read-object.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { checksumOf } from './payload-checksum.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';

type Found = Partial<Record<CapabilityName, Support>>;

const BODY = Buffer.from('a trial of cloud-mirror, to be removed');
const OTHER_BODY = Buffer.from('another body');
const OTHER_ETAG = '"00000000000000000000000000000000"';
const LONG_VALUE = 'x'.repeat(1000);

export interface TrialSettings {
  readonly checksums: ChecksumKind;
  readonly keyLayout: KeyLayout;
}

/**
 * Finds out by trial what a store supports. Trial objects are removed at the end. Their keys have a prefix of copies, so
 * that a lifecycle rule removes trial objects whose deletion fails.
 * @throws StorageError if the store does not answer, or refuses every write, read or delete
 */
export async function tryOut(
  calls: S3Calls,
  settings: TrialSettings,
  { signal }: CallOptions,
): Promise<Found> {
  await using trial = new Trial(calls, settings, signal);
  const taken = await trial.begin();
  return {
    ...taken,
    checksums: await trial.checksums(),
    conditionalCreate: await trial.conditionalCreate(),
    conditionalReplace: await trial.conditionalReplace(),
    longMetadata: await trial.longMetadata(),
    emptySegments: await trial.emptySegments(),
  };
}

class Trial implements AsyncDisposable {
  readonly #calls: S3Calls;
  readonly #signal: AbortSignal | undefined;
  readonly #nonce = randomUUID();
  readonly #prefix: string;
  readonly #written = new Set<string>();
  #kind: ChecksumKind;

  constructor(calls: S3Calls, { checksums, keyLayout }: TrialSettings, signal: AbortSignal | undefined) {
    this.#calls = calls;
    this.#signal = signal;
    this.#kind = checksums;
    this.#prefix = keyLayout.trialPrefix + this.#nonce;
  }

  /** Writes the object that the other trials use. */
  async begin(): Promise<Found> {
    if (await this.#takes({})) return this.#kind === 'when_supported' ? { checksumHeaders: 'yes' } : {};
    this.#kind = 'when_required';
    await this.#put({});
    return { checksumHeaders: 'no' };
  }

  async checksums(): Promise<Support> {
    try {
      await this.#put({ ...checksumOf(OTHER_BODY, this.#kind), Key: this.#key('damaged') }, 1);
      return 'no';
    } catch (error) {
      if (statusOf(error) === 400) return 'yes';
      throw error;
    }
  }

  async conditionalCreate(): Promise<Support> {
    return (await this.#isHeld({ IfNoneMatch: '*' })) ? 'yes' : 'no';
  }

  async conditionalReplace(): Promise<Support> {
    const etag = (await this.#head(this.#key('object')))?.ETag;
    if (etag === undefined) return 'no';
    if (await this.#isHeld({ IfMatch: etag })) return 'no';
    return (await this.#isHeld({ IfMatch: OTHER_ETAG })) ? 'yes' : 'no';
  }

  async longMetadata(): Promise<Support> {
    const Key = this.#key('metadata');
    try {
      await this.#put({ Key, Metadata: { long: LONG_VALUE } });
    } catch (error) {
      if (mayRefuseMetadata(error)) return 'no';
      throw error;
    }
    return (await this.#head(Key))?.Metadata?.['long'] === LONG_VALUE ? 'yes' : 'no';
  }

  async emptySegments(): Promise<Support> {
    const key = `http://trial.invalid//${this.#nonce}/a%20b%2Fc+d?e=f`;
    // Stores that treat keys as paths normalize them, and find the object by either form.
    const cleaned = key.replace(/\/+/g, '/');
    try {
      await this.#put({ Key: key });
    } catch (error) {
      if (isKeyRefusal(error) || statusOf(error) === 400) return 'no';
      throw error;
    }
    try {
      const kept = await this.#head(key);
      return kept?.Metadata?.['trial'] === this.#nonce && (await this.#head(cleaned)) === null ? 'yes' : 'no';
    } catch (error) {
      if (statusOf(error) === 400) return 'no';
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const Key of this.#written) {
      try {
        await this.#calls.send(new DeleteObjectCommand({ Bucket: this.#calls.bucket, Key }), {
          what: 'DELETE of a trial object',
        });
      } catch (error) {
        if (error instanceof StorageError && isAbsent(error.cause)) continue;
        throw error;
      }
    }
  }

  #key(name: string): string {
    return `${this.#prefix}/${name}`;
  }

  #head(key: string): ReturnType<typeof headObject> {
    return headObject(this.#calls, key, { signal: this.#signal });
  }

  /** Whether the write is refused because its condition does not hold. A store without conditions ignores it and writes. */
  async #isHeld(condition: Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>): Promise<boolean> {
    try {
      await this.#put(condition);
      return false;
    } catch (error) {
      if (error instanceof StorageError && error.code === 'store_exists') return true;
      if (mayRefuseHeader(error)) return false;
      throw error;
    }
  }

  async #takes(more: Partial<PutObjectCommandInput>): Promise<boolean> {
    try {
      await this.#put(more);
      return true;
    } catch (error) {
      if (this.#kind === 'when_supported' && mayRefuseHeader(error)) return false;
      throw error;
    }
  }

  async #put(more: Partial<PutObjectCommandInput>, attempts?: number): Promise<void> {
    const Key = more.Key ?? this.#key('object');
    const input = {
      Bucket: this.#calls.bucket,
      Body: BODY,
      ContentLength: BODY.length,
      ContentType: 'text/plain',
      ...checksumOf(BODY, this.#kind),
      ...more,
      Key,
      Metadata: { trial: this.#nonce, ...more.Metadata },
    };
    this.#written.add(Key);
    try {
      await this.#calls.send(new PutObjectCommand(input), {
        what: 'PUT of a trial object',
        signal: this.#signal,
        attempts,
      });
    } catch (error) {
      // The refused object does not exist, and the store may refuse a DELETE of its key too.
      if (statusOf(error) === 400 && Key !== this.#key('object')) this.#written.delete(Key);
      throw error;
    }
  }
}
