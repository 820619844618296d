import { createHash, randomUUID } from 'node:crypto';
import { freePort } from './free-port.ts';
import type { TestServers } from './global-setup.ts';

/** Content of a configuration file. */
export type ConfigObject = { readonly [key: string]: ConfigValue };
export type ConfigValue = string | number | boolean | null | ConfigObject | readonly ConfigValue[];

/** A configuration for one test, with the names in it that no other test has. */
export interface MirrorConfig {
  readonly config: ConfigObject;
  /** Of the front end, as in `server.port`. */
  readonly port: number;
  /** Part of the names of everything that the test makes in shared servers; letters, digits and dashes. */
  readonly name: string;
  readonly service: string;
  readonly regions: readonly string[];
}

/** Bearer token that may do everything. */
export const ADMIN_TOKEN = 'an-operator-of-the-tests';
/** Bearer token with the scope `read` only. */
export const READER_TOKEN = 'a-reader-of-the-tests';

/** Regions of {@link distributedConfig}. */
export const WEST = 'us-west-1';
export const EAST = 'us-east-1';

/** Where the parts reach their servers: those of the suites, or a proxy in between. */
export type DistributedServers = Pick<TestServers, 'redisUrl' | 'sqsEndpoint' | 'sqsRegion' | 's3'>;

export interface ConfigOptions {
  /** Origins that may be mirrored: `origin.baseUrl`, … */
  readonly origins: readonly string[];
  /** Merged over the configuration: mappings key by key, everything else as a whole. */
  readonly overrides?: ConfigObject;
}

/**
 * Redis, SQS and S3, one service `s3` with two regions, each with a bucket and a queue of the test's own, which are
 * made at start. One file serves the front end and every copier; {@link copierConfig} narrows it to one region.
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

/** Memory and a folder, one service `local` with the region `here`: what the standalone program runs without any server. */
export async function embeddedConfig(
  options: ConfigOptions & {
    /** Where the copies are; the test removes it. */
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

/** `config` for a copier of some of its regions. */
export function copierConfig(mirror: MirrorConfig, ...regions: readonly string[]): ConfigObject {
  return merged(mirror.config, {
    copier: { serves: regions.map((region) => `${mirror.service}/${region}`) },
  });
}

/** `over` laid over `base`: mappings key by key, everything else as a whole. */
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
    server: { host: '127.0.0.1', port, publicUrl: `http://127.0.0.1:${port}` },
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
    sources: {
      allow: origins.map((origin) => ({ prefix: `${origin}/`, tls: 'optional', privateAddresses: true })),
    },
  };
}

function isMapping(value: ConfigValue | undefined): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
