import { copierConfig, type MirrorConfig } from './mirror-config.ts';
import { COPIER, FRONTEND, STANDALONE, startProgram, type Program, type StartOptions } from './program.ts';

/** The programs of one mirror. Disposal kills them (SIGKILL), copiers first. */
export interface Mirror extends AsyncDisposable {
  readonly frontend: Program;
  /** By region; empty for a standalone program. */
  readonly copiers: ReadonlyMap<string, Program>;
  /** The front end's `/v1/redirect/…` URL of an origin URL. */
  redirectUrl(region: string, origin: string): string;
}

type Environment = Pick<StartOptions, 'env' | 'lines'>;

/** Starts a front end, and a copier for each region in `copiersFor` (default: all regions). */
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

/** Starts front end and copier in one process. */
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
