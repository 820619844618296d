import type { KeyLayout } from '@cloud-mirror/storage-provider';

/** One bucket and how it is reached. */
export interface S3StorageProviderOptions {
  readonly bucket: string;
  /** Region that signs requests: `us-west-2`; what the store calls itself where it is not AWS. */
  readonly region: string;
  /** Base address of an S3-compatible store, `http://127.0.0.1:7480`. Absent: AWS. */
  readonly endpoint?: string | undefined;
  /** The bucket is the first segment of the path instead of a part of the host name. Default false. */
  readonly forcePathStyle?: boolean | undefined;
  /** Absent: the SDK's own chain (environment, profile, container, instance). */
  readonly credentials?: S3Credentials | { readonly profile: string } | undefined;
  /**
   * `public`: addresses carry no signature. Nothing here makes objects readable for everyone: the operator gives the
   * bucket a policy that allows `s3:GetObject` (AWS blocks public access until told otherwise, and ACLs are disabled on
   * new buckets).
   */
  readonly access: 'public' | 'signed';
  /** Life of a signed address, 1 to 604,800 seconds. */
  readonly signedUrlSeconds: number;
  /**
   * Base of public addresses, a CDN's say; the key follows as one percent-encoded segment. Absent: the bucket's own
   * address, `https://<bucket>.s3.<region>.amazonaws.com/` or what `endpoint` and `forcePathStyle` make it.
   */
  readonly publicUrl?: string | undefined;
  /** Days after which the store removes an object, by the lifecycle rules that `prepare` makes. */
  readonly lifespanDays: number;
  /**
   * Size of a part of a multipart upload, and the largest body that is sent as one request. Default 8 MiB; AWS wants at
   * least 5 MiB. Grows by itself so that 10,000 parts hold the object.
   */
  readonly partBytes?: number | undefined;
  /**
   * Parts of one upload that travel at once. Default 4. A put holds at most (partsInFlight + 1) × partBytes in memory;
   * parts that grew travel fewer at a time, down to one, so that the sum stays (two buffers are the least).
   */
  readonly partsInFlight?: number | undefined;
  /** Time limit of one try of one request, until its answer is read. Default 30,000. Grows with the size of a part. */
  readonly requestTimeoutMs?: number | undefined;
  /** Tries of a request that failed for a passing reason, the first included. Default 4. */
  readonly maxAttempts?: number | undefined;
  /** First wait between two tries in milliseconds, doubled for each further one up to 64 times; jittered. Default 100. */
  readonly retryDelayMs?: number | undefined;
  /**
   * What the store verifies of each PUT and part, computed here over the bytes that are sent.
   * `when_supported`: `x-amz-checksum-crc32` (AWS, R2, MinIO). `when_required`: `Content-MD5`, which older Ceph and
   * Swift want. Default `when_supported`. Over plain HTTP the payload's SHA-256 is signed besides.
   */
  readonly checksums?: 'when_supported' | 'when_required' | undefined;
  /** Connections to the store at most. Default 128. */
  readonly maxConnections?: number | undefined;
  /** How the program makes its keys. */
  readonly keyLayout: KeyLayout;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When the store stops taking them, where that is known. */
  readonly expiration?: Date | undefined;
}

export const DEFAULT_PART_BYTES = 8 * 1024 * 1024;
export const DEFAULT_PARTS_IN_FLIGHT = 4;
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
export const DEFAULT_MAX_ATTEMPTS = 4;
export const DEFAULT_RETRY_DELAY_MS = 100;
export const DEFAULT_MAX_CONNECTIONS = 128;
