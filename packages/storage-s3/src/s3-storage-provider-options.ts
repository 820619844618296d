import type { KeyLayout } from '@cloud-mirror/storage-provider';

/** A bucket, and how requests reach it. */
export interface S3StorageProviderOptions {
  readonly bucket: string;
  /** The region in signatures: `us-west-2`. For other stores, the region name that the store expects. */
  readonly region: string;
  /** Base address of an S3-compatible store: `http://127.0.0.1:7480`. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** Whether the bucket is the first segment of the path and not in the host name. Default false. */
  readonly forcePathStyle?: boolean | undefined;
  /** Default: the SDK's default credential chain (environment, profile, container, instance). */
  readonly credentials?: S3Credentials | { readonly profile: string } | undefined;
  /**
   * `public`: addresses have no signature. The adapter does not make objects public: the operator must give the bucket a
   * policy that allows `s3:GetObject` (AWS blocks public access by default, and disables ACLs on new buckets).
   */
  readonly access: 'public' | 'signed';
  /** For how long a signed address is valid, 1 to 604,800 seconds. */
  readonly signedUrlSeconds: number;
  /**
   * Base of public addresses, such as that of a CDN. The key follows as one percent-encoded segment. Default: the
   * bucket's address, `https://<bucket>.s3.<region>.amazonaws.com/` unless `endpoint` or `forcePathStyle` change it.
   */
  readonly publicUrl?: string | undefined;
  /** Days after which the store removes an object, by the lifecycle rules that `prepare` sets. */
  readonly lifespanDays: number;
  /**
   * Size of an upload part, and maximum size of a body that is sent in one request. Default 8 MiB; AWS requires at least
   * 5 MiB. Increased automatically so that an object fits into 10,000 parts.
   */
  readonly partBytes?: number | undefined;
  /**
   * Number of concurrent parts of one upload. Default 4. A put uses at most (partsInFlight + 1) × partBytes of memory.
   * Larger parts reduce the concurrency, down to one, to stay within this limit. A put always needs two buffers.
   */
  readonly partsInFlight?: number | undefined;
  /** Time limit of one try of a request, including reading its answer. Default 30,000. Grows with the size of a part. */
  readonly requestTimeoutMs?: number | undefined;
  /** Maximum number of tries of a request with transient failures, including the first. Default 4. */
  readonly maxAttempts?: number | undefined;
  /** First back-off in milliseconds. It doubles with each retry, up to 64 times this value, with jitter. Default 100. */
  readonly retryDelayMs?: number | undefined;
  /**
   * The checksum of each PUT and upload part, which the store verifies. `when_supported`: `x-amz-checksum-crc32` (AWS, R2,
   * MinIO). `when_required`: `Content-MD5`, which older Ceph and Swift require. Default `when_supported`. Over plain HTTP,
   * the SHA-256 of the payload is also signed.
   */
  readonly checksums?: 'when_supported' | 'when_required' | undefined;
  /** Maximum number of connections to the store. Default 128. */
  readonly maxConnections?: number | undefined;
  /** The key prefixes of the program. */
  readonly keyLayout: KeyLayout;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When the credentials expire, if that is known. */
  readonly expiration?: Date | undefined;
}

export const DEFAULT_PART_BYTES = 8 * 1024 * 1024;
export const DEFAULT_PARTS_IN_FLIGHT = 4;
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
export const DEFAULT_MAX_ATTEMPTS = 4;
export const DEFAULT_RETRY_DELAY_MS = 100;
export const DEFAULT_MAX_CONNECTIONS = 128;
