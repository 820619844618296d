import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { merged, type ConfigObject } from '../../test/support/mirror-config.ts';
import { COPIER, FRONTEND, PROJECT_ROOT } from '../../test/support/program.ts';
import { redirectPath } from '../../test/support/mirror.ts';
import { addressIn, startUntilReady, type BenchProcess } from '../processes/bench-process.ts';

/** The back end of every benchmark. */
export const SERVICE = 's3';
export const REGION = 'bench';
/** Hits are on objects of this origin, which nobody asks. */
export const ARTIFACTS = 'https://artifacts.example.com/builds/';

export interface MirrorServers {
  readonly redisUrl: string;
  /** Of SQS; a queue is made there where one is given. */
  readonly queue: string | null;
  readonly store: string;
  /** Origin that may be mirrored, beside {@link ARTIFACTS}. */
  readonly origin?: string;
}

/** One configuration for front ends and copiers, with the defaults of production wherever a benchmark needs nothing else. */
export class MirrorUnderTest {
  readonly name = `bench-${randomUUID().slice(0, 8)}`;
  readonly #config: ConfigObject;

  constructor({ redisUrl, queue, store, origin }: MirrorServers, overrides: ConfigObject = {}) {
    const loopback = origin === undefined ? [] : [origin];
    this.#config = merged(
      {
        server: { host: '127.0.0.1', publicUrl: 'http://127.0.0.1' },
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

  /** @returns the running program with its address */
  async startFrontend(cores: string): Promise<BenchProcess & { readonly address: string }> {
    return startProgram(FRONTEND, merged(this.#config, { server: { port: await freePort() } }), cores);
  }

  async startCopier(cores: string): Promise<BenchProcess & { readonly address: string }> {
    return startProgram(COPIER, this.#config, cores);
  }
}

/** `/v1/redirect/…` of an origin address in the benchmarks' back end. */
export function targetOf(origin: string): string {
  return redirectPath(SERVICE, REGION, origin);
}

/**
 * Addresses such as build systems publish, of equal length. They differ in the middle of a request, which is one of the
 * few places that the string hash of wrk's LuaJIT looks at: otherwise it takes minutes to read them.
 */
export function artifactUrl(number: number): string {
  const revision = createHash('sha1').update(String(number)).digest('hex');
  return `${ARTIFACTS}${revision}/x86_64-linux/target.tar.zst`;
}

async function startProgram(
  script: string,
  config: ConfigObject,
  cores: string,
): Promise<BenchProcess & { readonly address: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-config-'));
  try {
    const file = join(folder, 'config.yaml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    const command = [process.execPath, join(PROJECT_ROOT, script), '--config', file];
    const env = {
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
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
