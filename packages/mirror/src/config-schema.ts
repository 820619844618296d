import { isIP } from 'node:net';
import { z } from 'zod';
import { entriesSchema } from './entries-schema.ts';
import { fleetSchema } from './fleet-schema.ts';
import { registrySchema } from './registry-schema.ts';
import { discoverySchema } from './discovery-schema.ts';
import { embeddedRouterSchema } from './router-schema.ts';
import { SCOPES } from './scopes.ts';
import { servicesSchema } from './services-schema.ts';
import { sourcesSchema } from './sources-schema.ts';
import { stateSchema } from './state-schema.ts';
import {
  cidr,
  flag,
  host,
  httpUrl,
  listOf,
  oneOf,
  port,
  positiveNumber,
  seconds,
  section,
  strictMapping,
  text,
  timeLimitMs,
  wholeNumber,
} from '@cloud-mirror/config';

/** A host as requests name it, without its port. An IPv6 address may have brackets. */
function hostName() {
  const error = 'a host name or an IP address, without scheme and port, such as mirror.internal';
  return z
    .string({ error })
    .refine(
      (name) =>
        /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name) ||
        isIP(name.replace(/^\[(.*)\]$/, '$1')) === 6,
      { error },
    );
}

const serverSchema = section({
  host: host().default('0.0.0.0'),
  port: port().default(8080),
  publicUrl: httpUrl(),
  hosts: listOf(hostName(), 'a list of host names and IP addresses').default([]),
  trustedProxies: listOf(cidr(), 'a list of address ranges').default([]),
  maxWaitSeconds: seconds(0, 3600).default(12),
  maxWaiting: wholeNumber(0, 10_000_000).default(10_000),
  maxUrlBytes: wholeNumber(16, 65_536, 'bytes').default(3000),
  /** Of remembered hits: calls with their prepared answers, and entries. null: half of V8's heap, at most 256 MiB. */
  rememberedBytes: wholeNumber(1_048_576, 2 ** 40, 'bytes')
    .nullable()
    .default(null),
  redirectMaxAgeSeconds: seconds(0).default(0),
  keepAliveSeconds: seconds(1, 86_400).default(75),
  drainSeconds: seconds(1, 86_400).default(30),
  /** For each client; null for none. */
  rateLimit: strictMapping({
    requestsPerSecond: positiveNumber(1_000_000),
    burst: wholeNumber(1, 1_000_000),
  })
    .nullable()
    .default({ requestsPerSecond: 200, burst: 2000 }),
});

/** Earlier versions accepted this scope, but no call ever required it. */
const SCOPE_WITHOUT_CALL = 'prefetch';

function scope() {
  const known = SCOPES.join(' or ');
  return z.enum(SCOPES, {
    error: ({ input }) =>
      input === SCOPE_WITHOUT_CALL
        ? `${known}: no call needs the scope ${SCOPE_WITHOUT_CALL}, so remove it`
        : known,
  });
}

const adminSchema = section({
  tokens: listOf(
    strictMapping({
      name: text(
        'a name of letters, digits, dots, dashes and underscores',
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      ),
      sha256: text("the token's SHA-256 as 64 hexadecimal digits", /^[0-9A-Fa-f]{64}$/).transform((digits) =>
        digits.toLowerCase(),
      ),
      scopes: listOf(scope(), `a list of at least one of ${SCOPES.join(', ')}`, 1),
    }),
    'a list of tokens',
  ).default([]),
});

/** The audit stream of operators' calls; without a file it is among the log lines. */
const auditSchema = section({
  file: text('the path of a file, or null for standard output', /^[^\0]+$/)
    .nullable()
    .default(null),
});

const SIGNING_KEY =
  'a key of at least 32 characters (openssl rand -base64 32), or a list of such keys, or null';

/** The key that signs jobs; a list while it is being replaced. */
function signingKey() {
  const key = z
    .string({ error: SIGNING_KEY })
    .min(32, { error: SIGNING_KEY })
    .max(1024, { error: SIGNING_KEY });
  return z.union([key, z.array(key).min(1, { error: SIGNING_KEY }).max(8, { error: SIGNING_KEY })], {
    error: SIGNING_KEY,
  });
}

const queueSchema = section({
  kind: oneOf(['sqs', 'memory']).default('sqs'),
  name: text('the name of the queues, with {service} and {region} in it', /./).default(
    'cloud-mirror-{service}-{region}',
  ),
  deadLetterSuffix: text('letters, digits, dashes and underscores', /^[A-Za-z0-9_-]+$/).default('_dead'),
  region: text('the name of a region, such as us-east-1', /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/).default(
    'us-west-2',
  ),
  endpoint: httpUrl().nullable().default(null),
  maxReceiveCount: wholeNumber(1, 1000).default(5),
  visibilityTimeoutSeconds: seconds(1, 43_200).default(60),
  create: flag().default(false),
  requestTimeoutMs: timeLimitMs().default(5000),
  signingKey: signingKey().nullable().default(null),
});

const copierSchema = section({
  concurrency: wholeNumber(1, 10_000).default(16),
  serves: listOf(
    z.string({ error: 'a back end, written as service/region' }),
    'a list of at least one back end, written as service/region',
    1,
  ).optional(),
  graceSeconds: seconds(0, 86_400).default(30),
  sweepUploadsAfterHours: wholeNumber(1, 8760, 'hours').default(24),
  /** The address at which a copier answers /livez, /readyz and /metrics; null if it does not. */
  health: strictMapping({ host: host().default('127.0.0.1'), port: port().default(0) })
    .nullable()
    .default({ host: '127.0.0.1', port: 0 }),
});

const logSchema = section({
  level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** A small origin for trials, which the standalone program serves; null if it does not. */
const sampleOriginSchema = strictMapping({
  host: host().default('127.0.0.1'),
  port: port().default(8081),
})
  .nullable()
  .default(null);

/** All sections of the file. program-schemas.ts says which program reads which. */
export const sections = {
  server: serverSchema,
  admin: adminSchema,
  audit: auditSchema,
  sources: sourcesSchema,
  entries: entriesSchema,
  queue: queueSchema,
  services: servicesSchema,
  copier: copierSchema,
  log: logSchema,
  sampleOrigin: sampleOriginSchema,
  router: embeddedRouterSchema,
  state: stateSchema,
  registry: registrySchema,
  discovery: discoverySchema,
  fleet: fleetSchema,
};
