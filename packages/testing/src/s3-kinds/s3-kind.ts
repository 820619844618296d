/** How a store that speaks S3 differs from others. */
export interface S3Kind {
  readonly name: string;
  /**
   * Keys with empty or dot segments. `refused`: 400, like MinIO, which also refuses an object below another one's key.
   * `cleaned`: stored under the normalized path.
   */
  readonly oddKeys: 'kept' | 'refused' | 'cleaned';
  /** `If-None-Match: *` of PutObject and CompleteMultipartUpload. `refused`: 501. */
  readonly ifNoneMatch: 'honoured' | 'ignored' | 'refused';
  /** `quoted`: compares the ETag including its quotes, so that none ever matches, like radosgw 16. */
  readonly ifMatch: 'honoured' | 'ignored' | 'refused' | 'quoted';
  /** Whether conditions also apply to CompleteMultipartUpload. */
  readonly completesOnCondition: boolean;
  /** `malformed`: every PUT of rules is a 400 MalformedXML. `forgotten`: a 200 without effect. */
  readonly lifecycle: 'kept' | 'malformed' | 'not_implemented' | 'forgotten';
  /** The longest metadata value, and the status for a longer one. */
  readonly metadataValue: { readonly bytes: number; readonly refusal: 400 | 500 };
  readonly crc32: 'verified' | 'ignored' | 'refused';
  readonly md5: 'verified' | 'ignored';
  /** How keys are listed with `encoding-type=url`. `unsaid`: encoded, but without EncodingType. `raw`: not encoded. */
  readonly listings: 'said' | 'unsaid' | 'raw';
}

const AWS: S3Kind = {
  name: 'AWS-like',
  oddKeys: 'kept',
  ifNoneMatch: 'honoured',
  ifMatch: 'honoured',
  completesOnCondition: true,
  lifecycle: 'kept',
  metadataValue: { bytes: 2048, refusal: 400 },
  crc32: 'verified',
  md5: 'verified',
  listings: 'said',
};

/** Kinds of stores, by observed or documented behaviour. */
export const S3_KINDS = {
  aws: AWS,
  /** Ceph 16. */
  radosgw: {
    ...AWS,
    name: 'radosgw-like',
    ifMatch: 'quoted',
    completesOnCondition: false,
    crc32: 'ignored',
    listings: 'unsaid',
  },
  /** OpenStack Swift 2.30 with s3api. */
  swift: {
    ...AWS,
    name: 'Swift-like',
    ifNoneMatch: 'ignored',
    ifMatch: 'ignored',
    completesOnCondition: false,
    lifecycle: 'malformed',
    metadataValue: { bytes: 256, refusal: 500 },
    crc32: 'ignored',
  },
  minio: { ...AWS, name: 'MinIO-like', oddKeys: 'refused' },
  garage: {
    ...AWS,
    name: 'Garage-like',
    ifNoneMatch: 'ignored',
    ifMatch: 'ignored',
    completesOnCondition: false,
    lifecycle: 'not_implemented',
    crc32: 'ignored',
  },
  /** A gateway to a file system, which normalizes paths. */
  cleaning: { ...AWS, name: 'path-cleaning', oddKeys: 'cleaned', lifecycle: 'forgotten' },
  /** A store without any optional capability. */
  bare: {
    name: 'bare',
    oddKeys: 'refused',
    ifNoneMatch: 'refused',
    ifMatch: 'refused',
    completesOnCondition: false,
    lifecycle: 'not_implemented',
    metadataValue: { bytes: 256, refusal: 400 },
    crc32: 'refused',
    md5: 'ignored',
    listings: 'raw',
  },
} as const satisfies Readonly<Record<string, S3Kind>>;
