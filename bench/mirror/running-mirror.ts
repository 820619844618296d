import type { Cores } from '../processes/cores.ts';
import { startScript, type BenchProcess } from '../processes/bench-process.ts';
import { startPinnedRedis } from '../processes/pinned-redis.ts';
import type { LoopbackCertificate } from '../servers/loopback-certificate.ts';
import { MirrorUnderTest } from './mirror-under-test.ts';
import type { ConfigObject } from '@cloud-mirror/testing/mirror-config';

type Addressed = BenchProcess & { readonly address: string };

/** A mirror with all its servers, each in a separate process. Disposing ends everything. */
export interface RunningMirror extends AsyncDisposable {
  readonly mirror: MirrorUnderTest;
  readonly frontend: Addressed;
  /** The requested number of copiers. */
  readonly copiers: readonly Addressed[];
  readonly origin: string;
  readonly store: string;
  readonly queue: string;
  readonly redisUrl: string;
  /** Starts another one, which ends with the others. */
  startCopier(cores: string): Promise<Addressed>;
}

export interface RunningMirrorOptions {
  readonly cores: Cores;
  readonly copiers: number;
  /** `sink`: discards uploads; `protocol`: the tests' S3 server, which keeps them. */
  readonly store: 'sink' | 'protocol';
  readonly frontendCores?: string;
  /** Flags of Node for the front end, in addition to those of the npm script. */
  readonly frontendFlags?: readonly string[];
  readonly overrides?: ConfigObject;
  /** More origins on loopback that may be mirrored, which the caller runs. */
  readonly moreOrigins?: readonly string[];
  /** The certificate with which origin and sink speak TLS. */
  readonly certificate?: LoopbackCertificate;
}

export async function startMirror(options: RunningMirrorOptions): Promise<RunningMirror> {
  const { cores, overrides, certificate } = options;
  const around = { cores: cores.around };
  const outside =
    certificate === undefined ? around : { ...around, args: [certificate.key, certificate.certificate] };
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startPinnedRedis(cores.around));
  const queue = opened.use(await startScript('servers/protocol-server-main.ts', around));
  const origin = opened.use(await startScript('servers/fast-origin-main.ts', outside));
  const store =
    options.store === 'protocol'
      ? queue.address
      : opened.use(await startScript('servers/object-sink-main.ts', outside)).address;
  const servers = {
    redisUrl: redis.url,
    queue: queue.address,
    store,
    origin: origin.address,
    moreOrigins: options.moreOrigins,
    ...(certificate === undefined ? {} : { trusts: certificate.certificate }),
  };
  const mirror = new MirrorUnderTest(servers, overrides);
  const frontend = opened.use(
    await mirror.startFrontend(options.frontendCores ?? cores.measured, options.frontendFlags),
  );
  const startCopier = async (pinned: string): Promise<Addressed> =>
    running.use(await mirror.startCopier(pinned));
  const running = opened.move();
  const copiers: Addressed[] = [];
  try {
    for (let number = 0; number < options.copiers; number += 1)
      copiers.push(await startCopier(cores.measured));
  } catch (error) {
    await running.disposeAsync();
    throw error;
  }
  return {
    mirror,
    frontend,
    copiers,
    origin: origin.address,
    store,
    queue: queue.address,
    redisUrl: redis.url,
    startCopier,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
