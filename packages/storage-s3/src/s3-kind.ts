import type { StoreKind } from '@cloud-mirror/storage-provider';
import { s3Faults, signedLifeWarnings } from './s3-rules.ts';
import type { S3Region, S3Service } from './s3-schema.ts';
import { s3ServiceSchema } from './s3-schema.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';

/** Kind `s3`: buckets of AWS S3, and of stores that speak its protocol. */
export const S3_KIND = {
  kind: 's3',
  schema: s3ServiceSchema,

  async open(service, { region, keyLayout }) {
    const { S3StorageProvider } = await import('./s3-storage-provider.ts');
    const store = new S3StorageProvider({ ...providerOptions(service, region), keyLayout });
    return { reach: 'network', store, requestTimeoutMs: service.requestTimeoutMs };
  },

  copyTerms: (service, region) => ({
    lifespanDays: service.lifespanDays,
    keys: regionOf(service, region).keys ?? service.keys,
  }),

  isPrepared: ({ create }) => create,
  faults: s3Faults,
  warnings: signedLifeWarnings,
} satisfies StoreKind<S3Service> & { readonly schema: typeof s3ServiceSchema };

function regionOf(service: S3Service, region: string): S3Region {
  const found = service.regions[region];
  if (found === undefined) throw new TypeError(`there is no region ${region}`);
  return found;
}

function providerOptions(service: S3Service, name: string): Omit<S3StorageProviderOptions, 'keyLayout'> {
  const region = regionOf(service, name);
  return {
    bucket: region.bucket,
    region: region.region ?? name,
    endpoint: region.endpoint ?? undefined,
    forcePathStyle: region.forcePathStyle,
    access: region.access ?? service.access,
    credentials: credentialsOf(region.credentials ?? service.credentials),
    signedUrlSeconds: service.signedUrlSeconds,
    publicUrl: region.publicUrl ?? undefined,
    lifespanDays: service.lifespanDays,
    partBytes: service.partBytes,
    partsInFlight: service.partsInFlight,
    requestTimeoutMs: service.requestTimeoutMs,
    checksums: region.checksums,
  };
}

/**
 * The configuration check guarantees either a profile or a key pair.
 * @returns undefined for the SDK's default credential chain
 */
function credentialsOf(given: S3Service['credentials']): S3StorageProviderOptions['credentials'] {
  if (given === null) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken, profile } = given;
  if (profile !== undefined) return { profile };
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new TypeError('credentials have neither a profile nor a key with its secret');
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined };
}
