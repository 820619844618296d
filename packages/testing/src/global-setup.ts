import type { TestProject } from 'vitest/node';
import { startProtocolServer } from './protocol-server.ts';
import { startRedis } from './redis-server.ts';
import { haproxyPath, redisServerPath } from './server-programs.ts';

/** The servers that the contract and end-to-end suites share. Each test uses its own names in them. */
export interface TestServers {
  readonly redisUrl: string;
  /** For tests that start their own redis-server. */
  readonly redisServerPath: string;
  readonly haproxyPath: string;
  readonly sqsEndpoint: string;
  readonly sqsRegion: string;
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** Whether TEST_S3_ENDPOINT names the server, which may be stricter than the built-in one. */
    readonly given: boolean;
  };
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: TestServers;
  }
}

/**
 * Starts the servers that the environment does not name (TEST_REDIS_URL; TEST_S3_ENDPOINT with TEST_S3_REGION,
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), and stops them after the last test.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const environment = process.env;
  await using opened = new AsyncDisposableStack();
  const redisPath = await redisServerPath();
  const redisUrl = environment.TEST_REDIS_URL ?? opened.use(await startRedis({ path: redisPath })).url;
  const protocols = opened.use(await startProtocolServer());
  // Credentials come from the SDK's default chain, which must not query a cloud's metadata server.
  environment.AWS_ACCESS_KEY_ID ??= protocols.accessKeyId;
  environment.AWS_SECRET_ACCESS_KEY ??= protocols.secretAccessKey;
  environment.AWS_EC2_METADATA_DISABLED ??= 'true';

  project.provide('servers', {
    redisUrl,
    redisServerPath: redisPath,
    haproxyPath: await haproxyPath(),
    sqsEndpoint: protocols.endpoint,
    sqsRegion: protocols.region,
    s3: {
      endpoint: environment.TEST_S3_ENDPOINT ?? protocols.endpoint,
      region: environment.TEST_S3_REGION ?? (environment.TEST_S3_ENDPOINT ? 'us-east-1' : protocols.region),
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
      given: environment.TEST_S3_ENDPOINT !== undefined,
    },
  });

  const running = opened.move();
  return () => running.disposeAsync();
}
