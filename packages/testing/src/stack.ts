import { freePort } from './free-port.ts';
import { EAST, WEST } from './mirror-config.ts';
import { redirectPath } from './mirror.ts';
import { startOriginServer } from './origin-server.ts';
import { COPIER, FRONTEND, startProgram, type Program } from './program.ts';
import { startProtocolServer } from './protocol-server.ts';
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
/** The configuration file contains its SHA-256. */
const OPERATOR_TOKEN = 'local-stack';
const KEPT_LINES = 50;

/** @throws Error that names the missing program, or the part that did not start */
export async function startStack({ onLine }: StackOptions): Promise<Stack> {
  const redisPath = await onPath('redis-server');
  if (redisPath === null) throw new Error(HOW_TO_GET_REDIS);
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startRedis({ path: redisPath, detached: true }));
  const protocols = opened.use(await startProtocolServer());
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

  const start = async (name: string, script: string, env: Record<string, string>): Promise<Program> => {
    const program = await startProgram(script, {
      config: CONFIG,
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

  const running = opened.move();
  return {
    manual: manual(frontend.address, origin.baseUrl, settings),
    death: Promise.race(deaths),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function manual(frontend: string, origin: string, settings: Readonly<Record<string, string>>): string {
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
    'Encode any other URL of the sample origin, or an https:// URL:',
    `  printf %s 'https://…' | base64 -w0 | tr '+/' '-_' | tr -d =`,
    `The servers of the mirror (${CONFIG} reads them from the environment):`,
    ...Object.entries(settings).map(([name, value]) => `  ${name}=${value}`),
    'Ctrl-C stops everything; nothing is persisted.',
  ].join('\n');
}
