import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { S3Calls } from './s3-calls.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';

/** Where public copies are, ending in a slash. */
export function publicBase(options: S3StorageProviderOptions): string {
  const { bucket, region, endpoint, forcePathStyle, publicUrl } = options;
  if (publicUrl !== undefined) return publicUrl.replace(/\/*$/, '/');
  const address = new URL(
    endpoint ?? `https://s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`,
  );
  // A certificate for one label does not hold for a bucket name with dots, and an IP address has no subdomains.
  const inPath =
    (forcePathStyle ?? false) || (bucket.includes('.') && address.protocol === 'https:') || isIp(address);
  if (!inPath) address.hostname = `${bucket}.${address.hostname}`;
  const path = address.pathname.replace(/\/*$/, '/');
  return `${address.origin}${path}${inPath ? `${bucket}/` : ''}`;
}

/** The key as one segment; S3 also wants the characters encoded that encodeURIComponent leaves: `!'()*`. */
export function publicAddress(base: string, key: string): string {
  const encoded = encodeURIComponent(key.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return base + encoded;
}

/** An address that serves `method` of `key` alone, for `seconds` from now by the store's clock. */
export async function signedAddress(
  calls: S3Calls,
  key: string,
  method: 'GET' | 'HEAD',
  seconds: number,
): Promise<string> {
  const target = { Bucket: calls.bucket, Key: key };
  const options = { expiresIn: seconds, signingDate: new Date(Date.now() + calls.clockOffsetMs) };
  switch (method) {
    case 'GET': {
      const command = new GetObjectCommand(target);
      // The SDK names the operation in the query, which no store needs and some caches trip over.
      command.middlewareStack.add(
        (next) => (args) => {
          delete (args.request as { query: Record<string, unknown> }).query['x-id'];
          return next(args);
        },
        { step: 'build', name: 'withoutOperationId' },
      );
      return getSignedUrl(calls.client, command, options);
    }
    case 'HEAD':
      return getSignedUrl(calls.client, new HeadObjectCommand(target), options);
  }
}

function isIp({ hostname }: URL): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith('[');
}
