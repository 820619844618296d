export { S3_KIND } from './s3-kind.ts';
export type { S3Region, S3Service } from './s3-schema.ts';
