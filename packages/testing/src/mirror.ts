import { copierConfig, type MirrorConfig } from './mirror-config.ts';
import { COPIER, FRONTEND, STANDALONE, startProgram, type Program, type StartOptions } from './program.ts';

/** The programs of one mirror. Disposing kills them (-9), the copiers first. */
export interface Mirror extends AsyncDisposable {
  readonly frontend: Program;
  /** By region; none where front end and copier are one process. */
  readonly copiers: ReadonlyMap<string, Program>;
  /** `/v1/redirect/…` of an origin address, on the front end. */
  redirectUrl(region: string, origin: string): string;
}

type Environment = Pick<StartOptions, 'env' | 'lines'>;

/** A front end, and a copier for each region that `copiersFor` names (all, where it names none). */
export async function startDistributedMirror(
  mirror: MirrorConfig,
  options: Environment & { readonly copiersFor?: readonly string[] } = {},
): Promise<Mirror> {
  const { copiersFor = mirror.regions, ...environment } = options;
  await using opened = new AsyncDisposableStack();
  const frontend = opened.use(await startProgram(FRONTEND, { config: mirror.config, ...environment }));
  const copiers = new Map<string, Program>();
  for (const region of copiersFor) {
    const config = copierConfig(mirror, region);
    copiers.set(region, opened.use(await startProgram(COPIER, { config, ...environment })));
  }
  const running = opened.move();
  return {
    frontend,
    copiers,
    redirectUrl: (region, origin) => frontend.url(redirectPath(mirror.service, region, origin)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Front end and copier in one process. */
export async function startStandaloneMirror(
  mirror: MirrorConfig,
  options: Environment = {},
): Promise<Mirror> {
  const frontend = await startProgram(STANDALONE, { config: mirror.config, ...options });
  return {
    frontend,
    copiers: new Map(),
    redirectUrl: (region, origin) => frontend.url(redirectPath(mirror.service, region, origin)),
    [Symbol.asyncDispose]: () => frontend[Symbol.asyncDispose](),
  };
}

export function redirectPath(service: string, region: string, origin: string): string {
  return `/v1/redirect/${service}/${region}/${Buffer.from(origin).toString('base64url')}`;
}
