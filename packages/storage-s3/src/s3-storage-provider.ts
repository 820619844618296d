import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type {
  CallOptions,
  FolderLister,
  FolderListing,
  FolderPage,
  ListedObject,
  ListOptions,
  OpenedBody,
  OpenOptions,
  ReadMethod,
  RequestSigner,
  SignedAddressOptions,
  SignedMethod,
  PrepareOptions,
  PublicRead,
  PublicReadOptions,
  PubliclyRead,
  SigningLife,
  StoreClock,
  PutOptions,
  StorageProvider,
  StoredObject,
  UploadSweeper,
  CapabilityName,
  CapabilityTeller,
  Support,
  StoreCapabilities,
  TrialOptions,
} from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import { BucketEndpoints, PublicAddresses, SignedAddresses } from './s3-address.ts';
import { checkBucket, prepareBucket, prepareLifecycle, readLifecycleSupport } from './bucket.ts';
import {
  CapabilityRecord,
  RECORD_KEY,
  RECORD_METADATA,
  recordOf,
  S3Capabilities,
} from './s3-capabilities.ts';
import { tryOut } from './capability-trials.ts';
import { headObject, openObject } from './read-object.ts';
import { explainKeyRefusal } from './refusals.ts';
import { endOldUploads, listFolder, listObjects } from './list-objects.ts';
import { checkPublicRead } from './public-read.ts';
import { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';
import type { Writing } from './writing.ts';
import { putObject } from './s3-put.ts';
import { createWriting } from './writing.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';
import { ObjectCallsBesideSdk } from './object-calls-beside-sdk.ts';
import { toStoredObject } from './stored-object.ts';

/** Stores copies in one bucket of S3, or of a store that speaks its protocol. */
export class S3StorageProvider
  implements
    StorageProvider,
    UploadSweeper,
    CapabilityTeller,
    PubliclyRead,
    SigningLife,
    RequestSigner,
    FolderLister
{
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
  readonly maxKeyBytes = 1024;
  readonly access: 'public' | 'signed';
  readonly clock: StoreClock;
  readonly signedMethods = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'] as const;
  readonly #options: S3StorageProviderOptions;
  readonly #calls: S3Calls;
  readonly #writing: Writing;
  readonly #publicAddresses: PublicAddresses;
  readonly #signedAddresses: SignedAddresses;
  readonly #direct: ObjectCallsBesideSdk;
  readonly #capabilities = new S3Capabilities();
  readonly #record: CapabilityRecord;

  constructor(options: S3StorageProviderOptions) {
    this.access = options.access;
    this.#options = options;
    this.#calls = new S3Calls(options);
    this.clock = this.#calls.clock;
    const endpoints = new BucketEndpoints(this.#calls);
    this.#publicAddresses = new PublicAddresses(endpoints, options.publicUrl);
    this.#signedAddresses = new SignedAddresses(this.#calls, endpoints, options.signedUrlSeconds);
    this.#direct = new ObjectCallsBesideSdk(this.#calls, endpoints);
    this.#record = new CapabilityRecord(
      (key, call) => headObject(this.#calls, key, call),
      this.#capabilities,
    );
    this.#writing = createWriting(options, {
      calls: this.#calls,
      capabilities: this.#capabilities,
      direct: this.#direct,
    });
  }

  urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  urlFor(key: string, method: ReadMethod): Promise<string>;
  async urlFor(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    this.#assertKey(key);
    if (signed !== undefined) return this.#signedAddresses.address(key, method, signed);
    switch (this.access) {
      case 'public':
        return this.#publicAddresses.address(key);
      case 'signed':
        return this.#signedAddresses.address(key, method);
    }
  }

  urlNow(key: string, method: SignedMethod, signed: SignedAddressOptions): string | null {
    this.#assertKey(key);
    return this.#signedAddresses.addressNow(key, method, signed);
  }

  async head(key: string, options: CallOptions = {}): Promise<StoredObject | null> {
    this.#assertKey(key);
    const head = await this.#explained(key, options, () =>
      headObject(this.#calls, key, options, this.#direct),
    );
    return head === null ? null : toStoredObject(head);
  }

  async open(key: string, options: OpenOptions = {}): Promise<OpenedBody | null> {
    this.#assertKey(key);
    return this.#explained(key, options, () => openObject(this.#calls, key, options));
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    this.#assertKey(key);
    return this.#explained(key, options, () => putObject(this.#writing, key, body, options));
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    this.#assertKey(key);
    try {
      const command = new DeleteObjectCommand({ Bucket: this.#calls.bucket, Key: key });
      await this.#explained(key, { signal }, () =>
        this.#calls.send(command, { what: 'DELETE of an object', signal, attempts: 1 }),
      );
    } catch (error) {
      // A key that the store refuses has no object.
      if (error instanceof StorageError && (isAbsent(error.cause) || error.code === 'store_key_refused'))
        return;
      throw error;
    }
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    return listObjects(this.#calls, prefix, options);
  }

  listFolder(prefix: string, options: FolderListing): Promise<FolderPage> {
    return listFolder(this.#calls, prefix, options);
  }

  async prepare(options: PrepareOptions): Promise<readonly string[]> {
    const { region, lifespanDays, checksums = 'when_supported' } = this.#options;
    const created = await prepareBucket(this.#calls, region, options);
    return [
      ...created,
      ...(await prepareLifecycle(
        this.#calls,
        { lifespanDays, checksums, capabilities: this.#capabilities },
        options,
      )),
    ];
  }

  async check(options: CallOptions = {}): Promise<void> {
    await checkBucket(this.#calls, options);
  }

  async credentialsExpireAt(): Promise<Date | null> {
    const { expiration } = await this.#calls.client.config.credentials();
    return expiration ?? null;
  }

  async checkPublicRead(options: PublicReadOptions = {}): Promise<PublicRead> {
    if (this.access === 'signed') return { state: 'untried', why: 'addresses are signed' };
    const { keyLayout, checksums = 'when_supported' } = this.#options;
    return checkPublicRead(
      {
        calls: this.#calls,
        addresses: this.#publicAddresses,
        keyLayout,
        checksums,
      },
      options,
    );
  }

  async sweepUploads(olderThanMs: number, options: CallOptions = {}): Promise<number> {
    const before = new Date(this.clock.nowMs() - olderThanMs);
    return endOldUploads(this.#calls, this.#options.keyLayout.copyPrefixes, before, options);
  }

  async capabilities(options: CallOptions = {}): Promise<StoreCapabilities> {
    await this.#record.load(options);
    return this.#capabilities.all;
  }

  async tryCapabilities({ record, signal }: TrialOptions): Promise<StoreCapabilities> {
    const { checksums = 'when_supported', keyLayout } = this.#options;
    const found = await tryOut(this.#calls, { checksums, keyLayout }, { signal });
    for (const [name, support] of Object.entries(found) as [CapabilityName, Support][])
      if (support !== 'unknown') this.#capabilities.learn(name, support);
    const lifecycle = await readLifecycleSupport(this.#calls, { signal });
    if (lifecycle !== 'unknown') this.#capabilities.learn('lifecycle', lifecycle);
    // The record may contain results of an earlier setup that a trial cannot find out.
    await this.#record.load({ signal });
    const { all } = this.#capabilities;
    if (record) await this.#leaveRecord(all, signal);
    return all;
  }

  async #leaveRecord(all: StoreCapabilities, signal: AbortSignal | undefined): Promise<void> {
    const body = Buffer.from(`${recordOf(all)}\n`);
    await putObject(this.#writing, RECORD_KEY, once(body), {
      headers: { contentType: 'application/json' },
      sizeBytes: body.length,
      metadata: () => ({ [RECORD_METADATA]: recordOf(all) }),
      signal,
    });
  }

  /** @throws what `call` throws, or StorageError `store_key_refused` if the error was about the key */
  async #explained<T>(key: string, options: CallOptions, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw await explainKeyRefusal(
        error,
        key,
        {
          head: (asked, headOptions) => headObject(this.#calls, asked, headOptions),
          keyLayout: this.#options.keyLayout,
        },
        options,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#calls.close();
    this.#writing.buffers.clear();
  }

  #assertKey(key: string): void {
    const bytes = Buffer.byteLength(key);
    if (bytes === 0 || bytes > this.maxKeyBytes || !key.isWellFormed())
      throw new StorageError(
        'store_rejected',
        `a key must be well-formed Unicode of 1 to ${this.maxKeyBytes} bytes; this one has ${bytes} bytes`,
      );
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
