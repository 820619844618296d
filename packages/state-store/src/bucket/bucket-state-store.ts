import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { RenewableCredentials } from '@cloud-mirror/aws';
import type { CredentialsSource } from '@cloud-mirror/aws';
import type { CallOptions, StateDocument, StateStore } from '../state-store.ts';
import { MAX_DOCUMENT_BYTES, requireDocumentName, requireSize, StateError } from '../state-store.ts';
import { ConditionTrial } from './condition-trial.ts';
import { isAbsent, isConditionFailed, isTransient, toStateError } from './s3-failures.ts';

export interface BucketStateStoreOptions {
  readonly bucket: string;
  /** Stands before the key of each document: `state/`. */
  readonly prefix: string;
  readonly region: string;
  /** null for AWS. */
  readonly endpoint: string | null;
  readonly forcePathStyle: boolean;
  readonly credentials: CredentialsSource;
  /** Default 5,000 ms for each try. */
  readonly requestTimeoutMs?: number;
}

/** A GET that answers 304 costs 0.4 millionths of a dollar: less than 2 cents a day for each instance. */
const POLL_MS = 2_000;
const READ_TRIES = 3;
const WRITE_TRIES = 3;

/** Documents in a bucket that honours `If-Match` and `If-None-Match`. */
export class BucketStateStore implements StateStore {
  readonly pollMs = POLL_MS;
  readonly #options: BucketStateStoreOptions;
  readonly #client: S3Client;
  readonly #agents: readonly [HttpAgent, HttpsAgent];
  readonly #trial: ConditionTrial;

  constructor(options: BucketStateStoreOptions) {
    this.#options = options;
    const { region, endpoint, forcePathStyle, requestTimeoutMs = 5_000 } = options;
    this.#agents = [new HttpAgent({ keepAlive: true }), new HttpsAgent({ keepAlive: true })];
    this.#client = new S3Client({
      region,
      ...(endpoint === null ? {} : { endpoint }),
      forcePathStyle,
      credentials: new RenewableCredentials(options.credentials).provider,
      // A repeated conditional write could meet its own first try: `write` repeats it and looks.
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: new NodeHttpHandler({
        httpAgent: this.#agents[0],
        httpsAgent: this.#agents[1],
        connectionTimeout: Math.min(requestTimeoutMs, 2_000),
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      }),
    });
    this.#trial = new ConditionTrial({
      put: (key, text, condition, signal) => this.#put(key, text, condition, signal),
      send: (command, signal) => this.#client.send(command, aborting(signal)),
      bucket: options.bucket,
      prefix: options.prefix,
    });
  }

  async check({ signal }: CallOptions = {}): Promise<void> {
    await this.#attempt('the trial of conditional writes', () => this.#trial.run(signal));
  }

  async read(
    name: string,
    { known, signal }: CallOptions & { readonly known?: string | undefined } = {},
  ): Promise<StateDocument | 'unchanged' | null> {
    requireDocumentName(name);
    return this.#attempt(`reading the document ${name}`, async () => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#get(name, known, signal);
        } catch (error) {
          if (tries === READ_TRIES || !isTransient(error)) throw error;
          signal?.throwIfAborted();
        }
      }
    });
  }

  async write(
    name: string,
    text: string,
    { expected, signal }: CallOptions & { readonly expected: string | null },
  ): Promise<string> {
    requireDocumentName(name);
    requireSize(name, Buffer.byteLength(text));
    return this.#attempt(`writing the document ${name}`, async () => {
      const quotes = await this.#trial.run(signal);
      const condition =
        expected === null
          ? { IfNoneMatch: '*' }
          : { IfMatch: quotes === 'bare' ? expected : `"${expected}"` };
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#put(this.#keyOf(name), text, condition, signal);
        } catch (error) {
          if (isConditionFailed(error) || (expected !== null && isAbsent(error))) throw conflict(name, error);
          if (tries === WRITE_TRIES || !isTransient(error)) throw error;
          signal?.throwIfAborted();
          // radosgw answers 500 to the losers of concurrent writes, and an answer may be lost after its write.
          const found = await this.#get(name, undefined, signal);
          if (found === 'unchanged') throw error;
          if (found?.text === text) return found.revision;
          if ((found?.revision ?? null) !== expected) throw conflict(name, error);
        }
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    for (const agent of this.#agents) agent.destroy();
  }

  async #get(
    name: string,
    known: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StateDocument | 'unchanged' | null> {
    const { bucket } = this.#options;
    try {
      const { Body, ETag, ContentLength } = await this.#client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: this.#keyOf(name),
          ...(known !== undefined && { IfNoneMatch: `"${known}"` }),
        }),
        aborting(signal),
      );
      if (Body === undefined || ETag === undefined)
        throw new StateError('state_unavailable', `the bucket ${bucket} answered without a body or an ETag`);
      requireSize(name, ContentLength ?? 0);
      const revision = unquoted(ETag);
      const text = await textOf(Body as AsyncIterable<Uint8Array>, name);
      // Not every store honours If-None-Match of a GET.
      return revision === known ? 'unchanged' : { text, revision };
    } catch (error) {
      if (isUnchanged(error)) return 'unchanged';
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  async #put(
    key: string,
    text: string,
    condition: { readonly IfMatch?: string; readonly IfNoneMatch?: string },
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { ETag } = await this.#client.send(
      new PutObjectCommand({
        Bucket: this.#options.bucket,
        Key: key,
        Body: Buffer.from(text),
        ContentType: 'application/json',
        ...condition,
      }),
      aborting(signal),
    );
    if (ETag === undefined)
      throw new StateError(
        'state_unavailable',
        `the bucket ${this.#options.bucket} answered without an ETag`,
      );
    return unquoted(ETag);
  }

  #keyOf(name: string): string {
    return `${this.#options.prefix}${name}.json`;
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStateError(error, what, this.#options.bucket);
    }
  }
}

function conflict(name: string, cause: unknown): StateError {
  return new StateError('state_conflict', `somebody else has changed the document ${name}`, { cause });
}

function aborting(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function isUnchanged(error: unknown): boolean {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 304;
}

function unquoted(etag: string): string {
  return etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}

async function textOf(body: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_DOCUMENT_BYTES) requireSize(name, bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
