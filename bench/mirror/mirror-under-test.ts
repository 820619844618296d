import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@cloud-mirror/testing/free-port';
import { merged, type ConfigObject } from '@cloud-mirror/testing/mirror-config';
import { COMPILE_CACHE, COPIER, FRONTEND, PROJECT_ROOT } from '@cloud-mirror/testing/program';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { addressIn, runToEnd, startUntilReady, type BenchProcess } from '../processes/bench-process.ts';

/** The back end of every benchmark. */
export const SERVICE = 's3';
export const REGION = 'bench';
/** Hits are for objects of this origin, which gets no requests. */
export const ARTIFACTS = 'https://artifacts.example.com/builds/';

export interface MirrorServers {
  readonly redisUrl: string;
  /** Endpoint of SQS. If given, the queues are created there. */
  readonly queue: string | null;
  readonly store: string;
  /** Another origin that may be mirrored, in addition to {@link ARTIFACTS}. */
  readonly origin?: string;
  /** More origins on loopback that may be mirrored. */
  readonly moreOrigins?: readonly string[] | undefined;
  /** File with the certificate of origin and store, if the benchmark made one. */
  readonly trusts?: string;
}

/** The flags of the project's npm scripts; docs/deploy/docker.md gives the reasons. */
const FRONTEND_FLAGS = ['--heap-growing-percent=100'];
const COPIER_FLAGS = ['--max-semi-space-size=2'];

/**
 * The limits of config/production.example.yaml. All load comes from one address, so the rate limit is the highest there is: it is
 * checked for each request, and refuses none.
 */
const PRODUCTION_SERVER = {
  trustedProxies: ['10.20.0.0/16'],
  maxWaitSeconds: 12,
  keepAliveSeconds: 75,
  drainSeconds: 90,
  rateLimit: { requestsPerSecond: 1_000_000, burst: 1_000_000 },
};

/** One configuration for front ends and copiers, with the defaults of production wherever a benchmark needs nothing else. */
export class MirrorUnderTest {
  readonly name = `bench-${randomUUID().slice(0, 8)}`;
  readonly #config: ConfigObject;
  readonly #env: Readonly<Record<string, string>>;

  constructor(
    { redisUrl, queue, store, origin, moreOrigins = [], trusts }: MirrorServers,
    overrides: ConfigObject = {},
  ) {
    this.#env = trusts === undefined ? {} : { NODE_EXTRA_CA_CERTS: trusts };
    const loopback = [...(origin === undefined ? [] : [origin]), ...moreOrigins];
    this.#config = merged(
      {
        server: { ...PRODUCTION_SERVER, host: '127.0.0.1', publicUrl: 'http://127.0.0.1' },
        sources: {
          allow: [
            { prefix: ARTIFACTS },
            { prefix: 'https://releases.example.com/' },
            { pattern: '^https://[a-z0-9-]+\\.mirrors\\.example\\.com/' },
            ...loopback.map((address) => ({
              prefix: `${address}/`,
              tls: 'optional',
              privateAddresses: true,
            })),
          ],
        },
        entries: { kind: 'redis', url: redisUrl, keyPrefix: this.name },
        queue: {
          kind: 'sqs',
          name: `${this.name}-{service}-{region}`,
          region: 'us-west-2',
          endpoint: queue ?? store,
          create: queue !== null,
        },
        services: {
          [SERVICE]: {
            kind: 's3',
            create: true,
            regions: {
              [REGION]: { bucket: this.name, endpoint: store, region: 'us-west-2', forcePathStyle: true },
            },
          },
        },
      },
      overrides,
    );
  }

  /** @returns the running program and its address */
  /** @param flags of Node, in addition to those of the npm script */
  async startFrontend(
    cores: string,
    flags: readonly string[] = [],
  ): Promise<BenchProcess & { readonly address: string }> {
    const config = merged(this.#config, { server: { port: await freePort() } });
    return startProgram([...FRONTEND_FLAGS, ...flags, join(PROJECT_ROOT, FRONTEND)], config, {
      cores,
      env: this.#env,
    });
  }

  async startCopier(cores: string): Promise<BenchProcess & { readonly address: string }> {
    return startProgram([...COPIER_FLAGS, join(PROJECT_ROOT, COPIER)], this.#config, {
      cores,
      env: this.#env,
    });
  }
}

/** The request target `/v1/redirect/…` for an origin address in the benchmarks' back end. */
export function targetOf(origin: string): string {
  return redirectPath(SERVICE, REGION, origin);
}

/**
 * Addresses like those of build systems, of equal length. They differ in the middle of the request, which is one of the
 * few places that the string hash of wrk's LuaJIT uses: otherwise wrk needs minutes to read them.
 */
export function artifactUrl(number: number): string {
  const revision = createHash('sha1').update(String(number)).digest('hex');
  return `${ARTIFACTS}${revision}/x86_64-linux/target.tar.zst`;
}

/** Fills the compile cache, so that benchmarks do not measure the first run of a program. */
export async function fillCompileCache(): Promise<void> {
  for (const program of [FRONTEND, COPIER])
    await runToEnd([process.execPath, join(PROJECT_ROOT, program), '--version'], {
      cores: '',
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
}

async function startProgram(
  program: readonly string[],
  config: ConfigObject,
  { cores, env: more }: { readonly cores: string; readonly env: Readonly<Record<string, string>> },
): Promise<BenchProcess & { readonly address: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-config-'));
  try {
    const file = join(folder, 'config.yaml');
    // JSON is a subset of YAML.
    await writeFile(file, JSON.stringify(config));
    const command = [process.execPath, ...program, '--config', file];
    const env = {
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...more,
    };
    const started = await startUntilReady(command, { cores, env }, readyAddress);
    return { ...started, address: started.ready };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readyAddress(output: string): string | null {
  const line = output.split('\n').find((one) => one.includes('"msg":"ready"'));
  return line === undefined ? null : (addressIn(line) ?? '');
}
