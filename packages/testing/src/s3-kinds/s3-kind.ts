/** In what a store that speaks S3 differs from others. */
export interface S3Kind {
  readonly name: string;
  /**
   * Keys with empty or dot segments. `refused`: 400, as MinIO does, which also has no object below another one's key.
   * `cleaned`: stored and found under the cleaned path.
   */
  readonly oddKeys: 'kept' | 'refused' | 'cleaned';
  /** `If-None-Match: *` of PutObject and CompleteMultipartUpload. `refused`: 501. */
  readonly ifNoneMatch: 'honoured' | 'ignored' | 'refused';
  /** `quoted`: compared with the quotes on, so that no ETag is ever equal, as radosgw 16 does. */
  readonly ifMatch: 'honoured' | 'ignored' | 'refused' | 'quoted';
  /** Whether conditions hold for CompleteMultipartUpload as well. */
  readonly completesOnCondition: boolean;
  /** `malformed`: every PUT of rules is 400 MalformedXML. `forgotten`: 200, and nothing is kept. */
  readonly lifecycle: 'kept' | 'malformed' | 'not_implemented' | 'forgotten';
  /** Longest value of metadata, and the status of the refusal of a longer one. */
  readonly metadataValue: { readonly bytes: number; readonly refusal: 400 | 500 };
  readonly crc32: 'verified' | 'ignored' | 'refused';
  readonly md5: 'verified' | 'ignored';
  /** How keys are listed where `encoding-type=url` is asked for. `unsaid`: encoded, and EncodingType is left out. */
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

/** Kinds of stores, by what was seen of each or is documented by it. */
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
  /** A gateway to a file system. */
  cleaning: { ...AWS, name: 'path-cleaning', oddKeys: 'cleaned', lifecycle: 'forgotten' },
  /** None of the capabilities. */
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
