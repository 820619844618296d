import { flag, httpUrl, oneOf, section, strictMapping, text } from '@cloud-mirror/config';

const path = () => text('the path of a folder', /^[^\0]+$/);
const credential = (expected: string) => text(expected, /./);

/** Where small durable documents are: storage routes and the like. */
export const stateSchema = section({
  kind: oneOf(['folder', 's3']).default('folder'),
  /** The documents of kind `folder`; with every kind, the last good version of each document. */
  directory: path().default('data/state'),
  /** Of kind `s3`. state-rules.ts checks that it is there. */
  bucket: text('the name of a bucket', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/).optional(),
  prefix: text('text that stands before the key of each document', /^[A-Za-z0-9._/-]{0,200}$/).default(
    'state/',
  ),
  region: text('the name of a region, such as us-east-1', /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/).default(
    'us-east-1',
  ),
  endpoint: httpUrl().nullable().default(null),
  forcePathStyle: flag().default(false),
  /** null for the SDK's default credential chain. */
  credentials: strictMapping({
    accessKeyId: credential('an access key').optional(),
    secretAccessKey: credential('a secret key').optional(),
    sessionToken: credential('a session token').nullable().optional(),
    profile: credential('the name of a profile').optional(),
  })
    .nullable()
    .default(null),
});
