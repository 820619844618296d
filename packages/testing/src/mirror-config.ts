import { createHash, randomUUID } from 'node:crypto';
import { freePort } from './free-port.ts';
import type { TestServers } from './global-setup.ts';

/** The content of a configuration file. */
export type ConfigObject = { readonly [key: string]: ConfigValue };
export type ConfigValue = string | number | boolean | null | ConfigObject | readonly ConfigValue[];

/** A configuration for one test, whose names no other test uses. */
export interface MirrorConfig {
  readonly config: ConfigObject;
  /** The TCP port of the front end (`server.port`). */
  readonly port: number;
  /** Part of all names that the test uses in shared servers; letters, digits and dashes. */
  readonly name: string;
  readonly service: string;
  readonly regions: readonly string[];
}

/** A bearer token with all scopes. */
export const ADMIN_TOKEN = 'an-operator-of-the-tests';
/** A bearer token with only the scope `read`. */
export const READER_TOKEN = 'a-reader-of-the-tests';

/** The regions of {@link distributedConfig}. */
export const WEST = 'us-west-1';
export const EAST = 'us-east-1';

/** The servers of the parts: those of the suites, or proxies in front of them. */
export type DistributedServers = Pick<TestServers, 'redisUrl' | 'sqsEndpoint' | 'sqsRegion' | 's3'>;

export interface ConfigOptions {
  /** The allowed origins: `origin.baseUrl`, … */
  readonly origins: readonly string[];
  /** Overrides parts of the configuration; see {@link merged}. */
  readonly overrides?: ConfigObject;
}

/**
 * A configuration with Redis, SQS and S3: one service `s3` with two regions, each with its own bucket and queue, which
 * are created at start. It serves the front end and every copier; {@link copierConfig} limits it to some regions.
 */
export async function distributedConfig(
  servers: DistributedServers,
  options: ConfigOptions,
): Promise<MirrorConfig> {
  const name = `t-${randomUUID().slice(0, 13)}`;
  const regions = [WEST, EAST];
  const { endpoint, region } = servers.s3;
  const buckets = regions.map((mirrored) => [
    mirrored,
    { bucket: `${name}-${mirrored}`, endpoint, region, forcePathStyle: true },
  ]);
  const port = await freePort();
  const config: ConfigObject = {
    ...everyMirror(port, options.origins),
    entries: { kind: 'redis', url: servers.redisUrl, keyPrefix: name },
    queue: {
      kind: 'sqs',
      name: `${name}-{service}-{region}`,
      region: servers.sqsRegion,
      endpoint: servers.sqsEndpoint,
      create: true,
    },
    services: { s3: { kind: 's3', create: true, regions: Object.fromEntries(buckets) as ConfigObject } },
  };
  return { config: merged(config, options.overrides ?? {}), port, name, service: 's3', regions };
}

/** A configuration without servers, for the standalone program: memory, and a service `local` with the region `here`. */
export async function embeddedConfig(
  options: ConfigOptions & {
    /** The folder of the copies, which the test removes. */
    readonly directory: string;
  },
): Promise<MirrorConfig> {
  const port = await freePort();
  const config: ConfigObject = {
    ...everyMirror(port, options.origins),
    entries: { kind: 'memory' },
    queue: { kind: 'memory' },
    services: { local: { kind: 'filesystem', directory: options.directory, regions: { here: {} } } },
  };
  const name = `t-${randomUUID().slice(0, 13)}`;
  return { config: merged(config, options.overrides ?? {}), port, name, service: 'local', regions: ['here'] };
}

/** The configuration of a copier that serves some of the regions. */
export function copierConfig(mirror: MirrorConfig, ...regions: readonly string[]): ConfigObject {
  return merged(mirror.config, {
    copier: { serves: regions.map((region) => `${mirror.service}/${region}`) },
  });
}

/** Merges `over` into `base`: mappings recursively, other values as a whole. */
export function merged(base: ConfigObject, over: ConfigObject): ConfigObject {
  const result: Record<string, ConfigValue> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const present = result[key];
    result[key] = isMapping(present) && isMapping(value) ? merged(present, value) : value;
  }
  return result;
}

function everyMirror(port: number, origins: readonly string[]): ConfigObject {
  return {
    // All requests of a test come from one address. Tests of the rate limit and of shares set their own.
    server: { host: '127.0.0.1', port, publicUrl: `http://127.0.0.1:${port}`, rateLimit: null },
    admin: {
      tokens: [
        {
          name: 'operator',
          sha256: sha256(ADMIN_TOKEN),
          scopes: ['read', 'purge', 'flush', 'queue'],
        },
        { name: 'reader', sha256: sha256(READER_TOKEN), scopes: ['read'] },
      ],
    },
    // Nobody balances the load of most tests, so nobody has to notice a drain first.
    registry: { drainDelaySeconds: 0 },
    sources: {
      allow: origins.map((origin) => ({
        prefix: `${origin}/`,
        tls: 'optional',
        privateAddresses: true,
        query: 'keep',
      })),
    },
  };
}

function isMapping(value: ConfigValue | undefined): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
