import type { PartsConfig, S3Service } from './program-schemas.ts';

/** A setting that is valid but may not have the effect that an operator expects. */
export interface ConfigWarning {
  /** The path of the key, as in a `Fault`. */
  readonly path: string;
  readonly message: string;
}

/**
 * The default duration of a role session: AssumeRole, web identities and containers.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html
 */
const SESSION_SECONDS = 3_600;

export function configWarnings({ services }: Pick<PartsConfig, 'services'>): readonly ConfigWarning[] {
  return Object.entries(services).flatMap(([name, service]) =>
    service.kind === 's3' ? signedLifeWarnings(name, service) : [],
  );
}

/** S3 rejects a signed URL once the credentials that signed it have expired. */
function signedLifeWarnings(name: string, service: S3Service): ConfigWarning[] {
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
