import type { StoreWarning } from '@cloud-mirror/storage-provider';
import type { S3Service } from './s3-schema.ts';

/**
 * The default duration of a role session: AssumeRole, web identities and containers.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html
 */
const SESSION_SECONDS = 3_600;

/** S3 rejects a signed URL once the credentials that signed it have expired. */
export function signedLifeWarnings(name: string, service: S3Service): StoreWarning[] {
  const { signedUrlSeconds } = service;
  if (signedUrlSeconds <= SESSION_SECONDS) return [];
  const regions = Object.entries(service.regions)
    .filter(([, region]) => (region.access ?? service.access) === 'signed')
    .filter(([, region]) => mayBeTemporary(region.credentials ?? service.credentials))
    .map(([region]) => region);
  if (regions.length === 0) return [];
  return [
    {
      path: `services.${name}.signedUrlSeconds`,
      message:
        `signed URLs of ${regions.join(', ')} may expire before ${signedUrlSeconds} s: they are valid no longer than ` +
        `the credentials that sign them, and a role's credentials usually expire after ${SESSION_SECONDS} s; ` +
        `use at most ${SESSION_SECONDS}, or credentials with an accessKeyId and no sessionToken`,
    },
  ];
}

function mayBeTemporary(credentials: S3Service['credentials']): boolean {
  if (credentials === null || credentials.profile !== undefined) return true;
  return credentials.sessionToken !== undefined && credentials.sessionToken !== null;
}
