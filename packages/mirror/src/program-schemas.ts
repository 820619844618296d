import { z } from 'zod';
import { httpUrl, strictMapping } from '@cloud-mirror/config';
import { findCrossFaults } from './config-rules.ts';
import { sections } from './config-schema.ts';
import { routerSchema, sealKeys } from './router-schema.ts';
import { DEFAULT_REDIS_URL, defaultExpiryMarginSeconds } from './entries-schema.ts';

export const SECTIONS: readonly string[] = Object.keys(sections);

/**
 * The part of the section `server` that a copier reads: with `publicUrl` it refuses origins' redirects to the mirror
 * itself. The section is optional for a copier.
 */
const mirrorAddressSchema = z.preprocess(
  (value) => value ?? {},
  z.object({ publicUrl: httpUrl().optional() }, { error: 'a mapping' }),
);

/** The part of the section `router` that a front end reads, for the key of signed addresses of objects in folders. */
const sealingSchema = z.preprocess(
  (value) => value ?? {},
  z.object({ sealKey: sealKeys() }, { error: 'a mapping' }),
);

/** The sections that every program of the mirror reads. */
const {
  server,
  admin,
  audit,
  sources,
  entries,
  queue,
  services,
  copier,
  log,
  state,
  registry,
  discovery,
  fleet,
} = sections;
const common = { sources, entries, queue, services, log };

/** The whole file, as the standalone program reads it. */
export const configSchema = withRules(strictMapping(sections)).transform((config) => ({
  ...config,
  ...withDefaults(config),
  copier: withServes(config),
}));

export const frontendSchema = withRules(
  strictMapping({ server, admin, audit, ...common, state, registry, router: sealingSchema }, [...SECTIONS]),
).transform((config) => ({ ...config, ...withDefaults(config) }));

export const copierSchema = withRules(
  strictMapping({ server: mirrorAddressSchema, copier, ...common, registry }, [...SECTIONS]),
).transform((config) => ({ ...config, ...withDefaults(config), copier: withServes(config) }));

/** What a router reads. It needs no back ends: a route may describe its bucket itself. */
export const routerProgramSchema = withRules(
  strictMapping(
    {
      server: mirrorAddressSchema,
      admin,
      audit,
      services: services.optional(),
      // Only the connection to Redis, which wakes other instances. Without the section there is none.
      entries: z.preprocess((value) => value ?? { kind: 'memory' }, entries),
      router: routerSchema,
      state,
      registry,
      log,
    },
    [...SECTIONS],
  ),
).transform((config) => ({
  ...config,
  services: config.services ?? {},
  entries: { ...config.entries, ...(config.entries.kind === 'redis' && connectionDefault(config.entries)) },
}));

/** What discovery reads. Of `entries` only the connection to Redis, where the registry is. */
export const discoveryProgramSchema = withRules(
  strictMapping(
    { entries: z.preprocess((value) => value ?? { kind: 'memory' }, entries), registry, discovery, log },
    [...SECTIONS],
  ),
).transform((config) => ({
  ...config,
  entries: { ...config.entries, ...(config.entries.kind === 'redis' && connectionDefault(config.entries)) },
}));

/** What the fleet reads. Only the connection to Redis is used of `entries`. */
export const fleetProgramSchema = withRules(
  strictMapping(
    {
      admin,
      audit,
      entries: z.preprocess((value) => value ?? { kind: 'memory' }, entries),
      fleet,
      state,
      registry,
      log,
    },
    [...SECTIONS],
  ),
).transform((config) => ({
  ...config,
  entries: { ...config.entries, ...(config.entries.kind === 'redis' && connectionDefault(config.entries)) },
}));

/**
 * Adds the rules that involve several keys (config-rules.ts). They run even if single keys are faulty, so that one run
 * reports every fault.
 */
function withRules<Schema extends z.ZodType>(schema: Schema): Schema {
  return schema.superRefine(
    (value, context) => {
      for (const { path, expected, found } of findCrossFaults(value))
        context.addIssue({ code: 'custom', path: [...path], message: expected, params: { found } });
    },
    { when: () => true },
  );
}

/** Defaults that depend on other keys. */
function withDefaults({
  entries,
  sources,
}: {
  readonly entries: z.output<typeof sections.entries>;
  readonly sources: z.output<typeof sections.sources>;
}) {
  return {
    entries: {
      ...entries,
      ...connectionDefault(entries),
      expiryMarginSeconds: entries.expiryMarginSeconds ?? defaultExpiryMarginSeconds(entries.ttlSeconds),
    },
    sources: {
      ...sources,
      allow: sources.allow.map((rule) => ({
        ...rule,
        tls: rule.tls ?? (sources.requireTls ? ('required' as const) : ('optional' as const)),
      })),
    },
  };
}

function withServes({
  copier,
  services,
}: {
  readonly copier: z.output<typeof sections.copier>;
  readonly services: z.output<typeof sections.services>;
}) {
  return { ...copier, serves: copier.serves ?? backendNames(services) };
}

/** The configuration with all defaults filled in, in the shape of the file. */
export type Config = z.output<typeof configSchema>;
export type FrontendConfig = z.output<typeof frontendSchema>;
export type CopierConfig = z.output<typeof copierSchema>;
export type RouterConfig = z.output<typeof routerProgramSchema>;
export type DiscoveryConfig = z.output<typeof discoveryProgramSchema>;
export type FleetConfig = z.output<typeof fleetProgramSchema>;

/** The sections from which the adapters are built; every program of the mirror has them. */
export type PartsConfig = Pick<Config, 'sources' | 'entries' | 'queue' | 'services'> & {
  readonly server: { readonly publicUrl?: string | undefined; readonly host?: string };
};

export type SourceRule = Config['sources']['allow'][number];
export type AdminToken = Config['admin']['tokens'][number];

function connectionDefault(entries: z.output<typeof sections.entries>): { url?: string } {
  const given = entries.url ?? entries.sentinels ?? entries.cluster;
  return given === undefined ? { url: DEFAULT_REDIS_URL } : {};
}

function backendNames(services: z.output<typeof sections.services>): string[] {
  return Object.entries(services).flatMap(([service, { regions }]) =>
    Object.keys(regions).map((region) => `${service}/${region}`),
  );
}
