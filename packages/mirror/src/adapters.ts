import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { MemoryEntryStore, RedisEntryStore, type EntryStore } from '@cloud-mirror/entry-store';
import type { Backends } from '@cloud-mirror/mirrored-objects';
import { HttpOrigin, createSourcePolicy, patternOpensAnyHost } from '@cloud-mirror/origin';
import type { Origin, ProxySettings, SourcePolicy } from '@cloud-mirror/origin';
import type { Environment } from '@cloud-mirror/config';
import type { CopyBudgets } from '@cloud-mirror/copy-budgets';
import { openBackends } from './backends.ts';
import { openBudgets } from './budgets.ts';
import { shareOfFileCalls } from './file-calls.ts';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedEntryStore } from './breakers/guarded-entry-store.ts';
import { configWarnings } from './config-warnings.ts';
import type { PartsConfig, SourceRule } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { programVersion, secretsOf } from '@cloud-mirror/program';
import { redisFailureLog } from './redis-failures.ts';
import { redisConnection } from './redis-settings.ts';
import { proxySettings } from './sources-proxy.ts';

/** An open adapter for each port. Disposal closes them in reverse order. */
export interface Adapters extends AsyncDisposable {
  readonly entries: EntryStore;
  readonly policy: SourcePolicy;
  readonly origin: Origin;
  readonly backends: Backends;
  /** `null` if no budget is configured. */
  readonly budgets: CopyBudgets | null;
}

/**
 * Opens the adapters that the configuration asks for, and loads the SDKs that they need. Does not require any part to be up: each adapter connects when it
 * is first used, so a Redis, queue or store may be down at this moment.
 * @param environment may name the proxies for origins
 */
export async function openAdapters(
  config: PartsConfig,
  { logger, environment = {} }: { readonly logger: Logger; readonly environment?: Environment },
): Promise<Adapters> {
  await using resources = new AsyncDisposableStack();
  const entries = resources.use(openEntries(config, logger));
  warnOfOpenRules(config, logger);
  for (const { path, message } of configWarnings(config)) logger.warn({ key: path }, message);
  const policy = createSourcePolicy({
    requireTls: config.sources.requireTls,
    allow: config.sources.allow.map(policyRule),
    ownAddresses: ownAddresses(config),
  });
  const proxy = proxySettings(config.sources.proxy, environment);
  logProxies(proxy, logger);
  const origin = resources.use(openOrigin(config, policy, proxy, logger));
  const budgets = openBudgets(config, policy, logger);
  if (budgets !== null) resources.use(budgets);
  const backends = await openBackends(
    config,
    { entries, budgets, logger, fileCalls: shareOfFileCalls(config, environment, logger) },
    resources,
  );
  const opened = resources.move();
  return { entries, policy, origin, backends, budgets, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** A rule for any host is fine for trials on loopback. Elsewhere it lets strangers fill the stores. */
function warnOfOpenRules({ server, sources }: PartsConfig, logger: Logger): void {
  if (server.host === undefined || /^(?:127\.|::1$|localhost$)/.test(server.host)) return;
  for (const [index, { pattern }] of sources.allow.entries())
    if (pattern !== undefined && patternOpensAnyHost(pattern))
      logger.warn(
        { rule: `sources.allow[${index}].pattern`, pattern },
        'this rule allows any host as an origin, so anybody can fill the stores: name the hosts of your origins',
      );
}

/**
 * The front ends' public URL and the AWS endpoint of the queues, which must not be used as origins. Self-hosted servers
 * need no entry: they are on private networks, which the source policy already refuses.
 */
function ownAddresses({ server, queue }: PartsConfig): URL[] {
  const queues = queue.kind === 'sqs' && queue.endpoint === null;
  return [
    ...(server.publicUrl === undefined ? [] : [new URL(server.publicUrl)]),
    ...(queues ? [new URL(`https://sqs.${queue.region}.amazonaws.com`)] : []),
  ];
}

function openEntries({ entries }: PartsConfig, logger: Logger): EntryStore {
  const onError = redisFailureLog(logger.child({ part: 'entries' }));
  switch (entries.kind) {
    case 'memory':
      return new MemoryEntryStore({ onError });
    case 'redis': {
      const store = new RedisEntryStore({
        connection: redisConnection(entries),
        keyPrefix: entries.keyPrefix,
        commandTimeoutMs: entries.commandTimeoutMs,
        onError,
      });
      return new GuardedEntryStore(store, { onChange: breakerLog(logger, { part: 'entries' }) });
    }
  }
}

type PolicyRule = Parameters<typeof createSourcePolicy>[0]['allow'][number];

/** The configuration check guarantees that exactly one of `prefix` and `pattern` is given. */
function policyRule({ prefix, pattern, ...settings }: SourceRule): PolicyRule {
  if (prefix !== undefined) return { ...settings, prefix };
  if (pattern !== undefined) return { ...settings, pattern };
  throw new TypeError('an entry of sources.allow needs a prefix or a pattern');
}

function logProxies({ http, https }: ProxySettings, logger: Logger): void {
  if (http === null && https === null) return;
  // `host` leaves out the credentials.
  const shown = { http: http?.host ?? null, https: https?.host ?? null };
  logger.info({ proxy: shown }, 'requests to origins use a proxy');
}

function openOrigin(
  { sources }: PartsConfig,
  policy: SourcePolicy,
  proxy: ProxySettings,
  logger: Logger,
): Origin {
  const secrets = secretsOf(logger);
  return new HttpOrigin({
    policy,
    redirectLimit: sources.redirectLimit,
    maxObjectBytes: sources.maxObjectBytes,
    timeouts: sources.timeouts,
    perOrigin: sources.perOrigin,
    proxy,
    // Node's TLS replaces its default authorities with this list instead of adding to them.
    ca: sources.ca === null ? undefined : [...getCACertificates('default'), readFileSync(sources.ca, 'utf8')],
    userAgent: `cloud-mirror/${programVersion()}`,
    onRedirect: (target) => secrets.current?.addUrl(target),
  });
}
