import type { IncomingHttpHeaders } from 'node:http';

/**
 * The AWS operation of a request. SQS names it in `x-amz-target`; for S3 it follows from method, path and query
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html).
 */
export function operationOf(method: string, path: string, headers: IncomingHttpHeaders): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.slice(target.lastIndexOf('.') + 1);
  const url = new URL(path, 'http://s3.invalid');
  const isObject = /^\/[^/]+\/./.test(url.pathname);
  return isObject ? objectOperation(method, url, headers) : bucketOperation(method, url);
}

function objectOperation(method: string, url: URL, headers: IncomingHttpHeaders): string {
  const has = (name: string): boolean => url.searchParams.has(name);
  switch (method) {
    case 'GET':
      return has('attributes') ? 'GetObjectAttributes' : has('uploadId') ? 'ListParts' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (has('partNumber')) return headers['x-amz-copy-source'] ? 'UploadPartCopy' : 'UploadPart';
      return headers['x-amz-copy-source'] ? 'CopyObject' : 'PutObject';
    case 'POST':
      return has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload';
    case 'DELETE':
      return has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
    default:
      return method;
  }
}

function bucketOperation(method: string, url: URL): string {
  if (url.pathname === '/') return 'ListBuckets';
  const lifecycle = url.searchParams.has('lifecycle');
  switch (method) {
    case 'GET':
      if (lifecycle) return 'GetBucketLifecycleConfiguration';
      if (url.searchParams.has('uploads')) return 'ListMultipartUploads';
      return url.searchParams.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    case 'HEAD':
      return 'HeadBucket';
    case 'PUT':
      return lifecycle ? 'PutBucketLifecycleConfiguration' : 'CreateBucket';
    case 'POST':
      return 'DeleteObjects';
    case 'DELETE':
      return lifecycle ? 'DeleteBucketLifecycle' : 'DeleteBucket';
    default:
      return method;
  }
}
