/** The credentials with which requests to a bucket are signed. */
export interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only for temporary credentials. */
  readonly sessionToken: string | null;
}

/** A bucket that the route itself describes. */
export interface BucketTarget {
  readonly kind: 's3';
  readonly bucket: string;
  /** null for the process's own credentials (the AWS SDK's chain). */
  readonly credentials: BucketCredentials | null;
  /** null for the default: `us-east-1`, which stores beside AWS take too. */
  readonly region: string | null;
  /** null for AWS. */
  readonly endpoint: string | null;
  readonly forcePathStyle: boolean;
}

/** A back end in the section `services` of the configuration file. */
export interface StoreTarget {
  readonly kind: 'store';
  /** `service/region` */
  readonly store: string;
}

/** A bucket whose credentials cannot be opened, such as those sealed with another key. Requests are answered with 503. */
export interface UnusableTarget {
  readonly kind: 'unusable';
  /** A sentence for the operator. It contains no secret. */
  readonly fault: string;
}

export type RouteTarget = BucketTarget | StoreTarget | UnusableTarget;

/** `once`: a key that exists is not overwritten or deleted. */
export type WritePolicy = 'always' | 'once' | 'never';

/** A path prefix and the bucket that it leads to. Immutable. */
export interface Route {
  /** The prefix in its normal form: `/` or `/a/b`. Plain text, not percent-encoded. */
  readonly path: string;
  readonly target: RouteTarget;
  /** Stands before each key in the bucket; may be empty. */
  readonly prefix: string;
  /** The life of a signature in seconds; null for `router.signedSeconds`. */
  readonly signedSeconds: number | null;
  readonly write: WritePolicy;
  /** Whether a GET of a path with a trailing slash lists the objects below it. */
  readonly list: boolean;
  /** The names of the tokens that may read; null: as `router.readers` says. */
  readonly read: readonly string[] | null;
  /** The names of the tokens that may write; null: as `router.writers` says. */
  readonly writeTokens: readonly string[] | null;
  /** The service whose copies serve reads in other regions; null for none. */
  readonly mirror: string | null;
}
