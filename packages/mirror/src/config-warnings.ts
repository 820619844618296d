import type { PartsConfig, S3Service } from './program-schemas.ts';

/** What works, and not as one may expect. */
export interface ConfigWarning {
  /** Of the key, as faults name it. */
  readonly path: string;
  readonly message: string;
}

/**
 * The life of a role's session where nobody asks for another one: AssumeRole, web identities and containers.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html
 */
const SESSION_SECONDS = 3_600;

export function configWarnings({ services }: Pick<PartsConfig, 'services'>): readonly ConfigWarning[] {
  return Object.entries(services).flatMap(([name, service]) =>
    service.kind === 's3' ? signedLifeWarnings(name, service) : [],
  );
}

/** S3 takes a signed address no longer than the credentials that signed it. */
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
        `signed addresses of ${regions.join(', ')} may end before ${signedUrlSeconds} s: they last no longer than ` +
        `the credentials that sign them, and those of a role live ${SESSION_SECONDS} s as a rule; ` +
        `give at most ${SESSION_SECONDS}, or credentials with an accessKeyId that has no sessionToken`,
    },
  ];
}

function mayBeTemporary(credentials: S3Service['credentials']): boolean {
  if (credentials === null || credentials.profile !== undefined) return true;
  return credentials.sessionToken !== undefined && credentials.sessionToken !== null;
}
