import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';

/** A response that replaces the server's own. */
export interface S3Answer {
  readonly status: number;
  readonly body: string;
}

/** The parts of a request that the rules of S3 need. */
export interface S3Request {
  readonly operation: string;
  /** The path with its query, beginning with the bucket. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface OpenUpload {
  readonly bucket: string;
  /** Decoded. */
  readonly key: string;
  readonly uploadId: string;
  readonly begunAt: Date;
}

/** The ETag of the object at a path; null if there is none. */
export type EtagAt = (path: string) => Promise<string | null>;

const WITH_BYTES: ReadonlySet<string> = new Set(['PutObject', 'UploadPart']);
const CONDITIONAL: ReadonlySet<string> = new Set(['PutObject', 'CompleteMultipartUpload']);

/** Each digest, in base64, by the header that states it. */
const DIGESTS: Readonly<Record<string, (bytes: Buffer) => string>> = {
  'content-md5': (bytes) => createHash('md5').update(bytes).digest('base64'),
  'x-amz-checksum-crc32': (bytes) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(bytes));
    return sum.toString('base64');
  },
  'x-amz-checksum-sha256': (bytes) => createHash('sha256').update(bytes).digest('base64'),
};

/**
 * Rules of S3 that the protocol server lacks: verifies digests, honours conditional writes (concurrent ones of a key
 * are a 409), and lists unfinished uploads.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export class S3Rules {
  readonly #etagAt: EtagAt;
  readonly #writing = new Set<string>();
  readonly #uploads = new Map<string, OpenUpload>();
  readonly #refusals = new Map<string, number>();

  constructor(etagAt: EtagAt) {
    this.#etagAt = etagAt;
  }

  get openUploads(): readonly OpenUpload[] {
    return [...this.#uploads.values()];
  }

  refused(code: string): number {
    return this.#refusals.get(code) ?? 0;
  }

  /** Adds an abandoned upload of any age. */
  addUpload(bucket: string, key: string, begunAt: Date): OpenUpload {
    const upload = { bucket, key, uploadId: randomUUID(), begunAt };
    this.#uploads.set(upload.uploadId, upload);
    return upload;
  }

  /** @returns the response of a rule; null if the server must handle the request */
  async judge(request: S3Request): Promise<S3Answer | null> {
    return this.refuse(await this.#judge(request));
  }

  /** Refuses bytes that do not match the digests in their headers. */
  verifyBytes(request: S3Request): S3Answer | null {
    return WITH_BYTES.has(request.operation) ? this.refuse(damaged(request)) : null;
  }

  /** Counts a refusal by its code. */
  refuse(answer: S3Answer | null): S3Answer | null {
    const code = /<Code>(\w+)<\/Code>/.exec(answer?.body ?? '')?.[1];
    if (code !== undefined) this.#refusals.set(code, this.refused(code) + 1);
    return answer;
  }

  async #judge(request: S3Request): Promise<S3Answer | null> {
    switch (request.operation) {
      case 'PutObject':
      case 'CompleteMultipartUpload':
        return this.#condition(request);
      case 'ListMultipartUploads':
        return { status: 200, body: this.#listing(bucketOf(request.path)) };
      default:
        return null;
    }
  }

  /** The server calls this for each response. `answer` is its body. */
  answered(request: S3Request, status: number, answer: string): void {
    const key = keyOf(request.path);
    if (CONDITIONAL.has(request.operation) && status !== 409) this.#writing.delete(key);
    const uploadId = new URL(request.path, 'http://s3.invalid').searchParams.get('uploadId') ?? '';
    if (status >= 300 && status !== 404) return;
    if (request.operation === 'CreateMultipartUpload') {
      const id = /<UploadId>([^<]+)<\/UploadId>/.exec(answer)?.[1];
      if (id === undefined) return;
      const bucket = bucketOf(request.path);
      const name = decodeURIComponent(key.slice(bucket.length + 2));
      this.#uploads.set(id, { bucket, key: name, uploadId: id, begunAt: new Date() });
    }
    if (['CompleteMultipartUpload', 'AbortMultipartUpload'].includes(request.operation))
      this.#uploads.delete(uploadId);
  }

  async #condition(request: S3Request): Promise<S3Answer | null> {
    const free = request.headers['if-none-match'];
    const over = request.headers['if-match'];
    if (free === undefined && over === undefined) return null;
    const key = keyOf(request.path);
    if (this.#writing.has(key))
      return failure(409, 'ConditionalRequestConflict', 'another conditional write is under way');
    this.#writing.add(key);
    const etag = await this.#etagAt(key);
    const refused =
      free !== undefined && etag !== null
        ? failure(412, 'PreconditionFailed', 'the key is in use')
        : over !== undefined && etag === null
          ? failure(404, 'NoSuchKey', 'there is nothing to replace')
          : over !== undefined && etag !== over
            ? failure(412, 'PreconditionFailed', 'the key has another object')
            : null;
    if (refused !== null) this.#writing.delete(key);
    return refused;
  }

  #listing(bucket: string): string {
    const uploads = this.openUploads
      .filter((one) => one.bucket === bucket)
      .map(
        ({ key, uploadId, begunAt }) =>
          `<Upload><Key>${encodeURIComponent(key)}</Key><UploadId>${uploadId}</UploadId><Initiated>${begunAt.toISOString()}</Initiated></Upload>`,
      );
    return (
      '<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult>' +
      `<Bucket>${bucket}</Bucket><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${uploads.join('')}</ListMultipartUploadsResult>`
    );
  }
}

function damaged({ headers, body }: S3Request): S3Answer | null {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : '');
  for (const [header, digest] of Object.entries(DIGESTS)) {
    const stated = headers[header];
    if (stated !== undefined && stated !== digest(bytes))
      return failure(400, 'BadDigest', `${header} does not match the received bytes`);
  }
  return null;
}

export function failure(status: number, code: string, message: string): S3Answer {
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

function bucketOf(path: string): string {
  return keyOf(path).split('/')[1] ?? '';
}

/** Bucket and key, encoded as in the path. */
function keyOf(path: string): string {
  return path.split('?', 1)[0] ?? path;
}
