import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from './free-port.ts';
import { EAST, WEST } from './mirror-config.ts';
import { redirectPath } from './mirror.ts';
import { startOriginServer } from './origin-server.ts';
import { COPIER, FRONTEND, ROUTER, startProgram, type Program } from './program.ts';
import { startProtocolServer, type ProtocolServer } from './protocol-server.ts';
import { HOW_TO_GET_REDIS, onPath } from './server-programs.ts';
import { startRedis } from './redis-server.ts';

/** A distributed mirror whose parts all run on 127.0.0.1. Disposal stops them in reverse order. */
export interface Stack extends AsyncDisposable {
  /** Instructions to print on a terminal. */
  readonly manual: string;
  /** Resolves with a description when a part ends unexpectedly. */
  readonly death: Promise<string>;
}

export interface StackOptions {
  /** Called with each line that a program prints. */
  readonly onLine: (part: string, text: string) => void;
}

const CONFIG = 'config/local-stack.yaml';
const ROUTER_CONFIG = 'config/router/local-stack.yaml';
/** A bucket for routes with credentials of their own, and those credentials. */
const ROUTED = { bucket: 'a-bucket', access: 'the-access-key', secret: 'the-secret-key' } as const;
/** The configuration file contains its SHA-256. */
const OPERATOR_TOKEN = 'local-stack';
const KEPT_LINES = 50;

/** @throws Error that names the missing program, or the part that did not start */
export async function startStack({ onLine }: StackOptions): Promise<Stack> {
  const redisPath = await onPath('redis-server');
  if (redisPath === null) throw new Error(HOW_TO_GET_REDIS);
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startRedis({ path: redisPath, detached: true }));
  const protocols = opened.use(await startProtocolServer({ secrets: { [ROUTED.access]: ROUTED.secret } }));
  const origin = opened.use(await startOriginServer());
  const port = process.env.PORT ?? String(await freePort());
  const settings = {
    PORT: port,
    REDIS_URL: redis.url,
    SQS_ENDPOINT: protocols.endpoint,
    S3_ENDPOINT: protocols.endpoint,
    SAMPLE_ORIGIN: origin.baseUrl,
  };
  const deaths = [redis.exit.then((how) => `redis-server ended (${how})`)];

  const start = async (
    name: string,
    script: string,
    env: Record<string, string>,
    config = CONFIG,
  ): Promise<Program> => {
    const program = await startProgram(script, {
      config,
      env: { ...settings, ...env },
      detached: true,
      lines: { keep: KEPT_LINES, onLine: (text) => onLine(name, text) },
    });
    opened.defer(async () => void (await program.stop()));
    deaths.push(
      program.exit.then(({ code, signal }) => `${name} ended (${signal ?? `exit ${code ?? '?'}`})`),
    );
    return program;
  };
  for (const region of [WEST, EAST]) await start(`copier ${region}`, COPIER, { COPIER_REGION: region });
  const frontend = await start('front end', FRONTEND, {});
  const state = await mkdtemp(join(tmpdir(), 'cloud-mirror-stack-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  await createRoutedBucket(protocols);
  const routing = {
    PORT: process.env.ROUTER_PORT ?? String(await freePort()),
    CLOUD_MIRROR_STATE: state,
    ROUTER_SEAL_KEY: randomBytes(32).toString('base64'),
    // Where the SDK finds the buckets of routes that name no endpoint.
    AWS_ENDPOINT_URL_S3: protocols.endpoint,
  };
  const router = await start('router', ROUTER, routing, ROUTER_CONFIG);

  const running = opened.move();
  return {
    manual: manual({ frontend: frontend.address, router: router.address, origin: origin.baseUrl }, settings),
    death: Promise.race(deaths),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function manual(
  { frontend, router, origin }: Readonly<Record<'frontend' | 'router' | 'origin', string>>,
  settings: Readonly<Record<string, string>>,
): string {
  const sample = `${origin}/bytes/1048576?seed=1`;
  const redirect = (region: string): string => frontend + redirectPath('s3', region, sample);
  const operate = (region: string, action: string): string =>
    frontend + redirectPath('s3', region, sample).replace('/redirect/', `/${action}/`);
  const copy = (region: string): string =>
    [
      `Download one mebibyte of the sample origin through its copy in ${region}:`,
      `  curl -fsSL -o sample.bin -w '%{url_effective}\\n' '${redirect(region)}'`,
    ].join('\n');
  return [
    `The mirror is at ${frontend}, the sample origin at ${origin}.`,
    copy(WEST),
    copy(EAST),
    'Show the status of that copy, and purge it:',
    `  curl -sS -H 'Authorization: Bearer ${OPERATOR_TOKEN}' '${operate(WEST, 'status')}'`,
    `  curl -sS -X DELETE -H 'Authorization: Bearer ${OPERATOR_TOKEN}' '${operate(WEST, 'purge')}'`,
    'Put an object through the router, get it, and list its folder:',
    `  curl -fL -T README.md '${router}/docs/README.md'`,
    `  curl -fL '${router}/docs/README.md'`,
    `  curl -fL '${router}/docs/'`,
    'Route a path to a bucket with credentials of its own:',
    `  curl -X POST '${router}/' -H 'Content-Type: application/json' -d '${JSON.stringify({ '/own': { s3: ROUTED } })}'`,
    'Encode any other URL of the sample origin, or an https:// URL:',
    `  printf %s 'https://…' | base64 -w0 | tr '+/' '-_' | tr -d =`,
    `The servers of the mirror (${CONFIG} reads them from the environment):`,
    ...Object.entries(settings).map(([name, value]) => `  ${name}=${value}`),
    'Ctrl-C stops everything; nothing is persisted.',
  ].join('\n');
}

async function createRoutedBucket({ endpoint, region }: ProtocolServer): Promise<void> {
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: ROUTED.access, secretAccessKey: ROUTED.secret },
  });
  await client.send(new CreateBucketCommand({ Bucket: ROUTED.bucket }));
  client.destroy();
}
