import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { MemoryEntryStore, RedisEntryStore } from '@cloud-mirror/cache-manager';
import type { Backends, EntryStore, RedisConnection } from '@cloud-mirror/cache-manager';
import { HttpOrigin, createSourcePolicy, patternOpensAnyHost } from '@cloud-mirror/origin';
import type { Origin, ProxySettings, SourcePolicy } from '@cloud-mirror/origin';
import type { Environment } from '@cloud-mirror/config';
import { openBackends } from './backends.ts';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedEntryStore } from './breakers/guarded-entry-store.ts';
import { configWarnings } from './config-warnings.ts';
import type { PartsConfig, SourceRule } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { programVersion, repeatedFailureLog } from '@cloud-mirror/program';
import { proxySettings } from './sources-proxy.ts';

/** The ports that the configuration asks for, opened. Disposing closes them in the reverse order. */
export interface Adapters extends AsyncDisposable {
  readonly entries: EntryStore;
  readonly policy: SourcePolicy;
  readonly origin: Origin;
  readonly backends: Backends;
}

/**
 * Builds an adapter for each part of the configuration. `environment` may name the proxies for origins. Connects to nothing that has to be there: a Redis, queue or
 * store that is down at this moment is found when it is needed.
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
  const origin = resources.use(openOrigin(config, policy, proxy));
  const backends = openBackends(config, { entries, logger }, resources);
  const opened = resources.move();
  return { entries, policy, origin, backends, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** On loopback such a rule is for trying things out; elsewhere it lets strangers fill the stores. */
function warnOfOpenRules({ server, sources }: PartsConfig, logger: Logger): void {
  if (server.host === undefined || /^(?:127\.|::1$|localhost$)/.test(server.host)) return;
  for (const [index, { pattern }] of sources.allow.entries())
    if (pattern !== undefined && patternOpensAnyHost(pattern))
      logger.warn(
        { rule: `sources.allow[${index}].pattern`, pattern },
        'this rule lets objects of any host be mirrored: name your origins',
      );
}

/** Where the front ends answer, and AWS's address of the queues. Servers of one's own are on networks that the guard closes. */
function ownAddresses({ server, queue }: PartsConfig): URL[] {
  const queues = queue.kind === 'sqs' && queue.endpoint === null;
  return [
    ...(server.publicUrl === undefined ? [] : [new URL(server.publicUrl)]),
    ...(queues ? [new URL(`https://sqs.${queue.region}.amazonaws.com`)] : []),
  ];
}

function openEntries({ entries }: PartsConfig, logger: Logger): EntryStore {
  const onError = repeatedFailureLog(logger.child({ part: 'entries' }));
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

/** Which of the three is given was checked when the file was read. */
function redisConnection(entries: PartsConfig['entries']): RedisConnection {
  const { url, sentinels, cluster, username, password, db, tls } = entries;
  const access = {
    username: username ?? undefined,
    password: password ?? undefined,
    db: db ?? undefined,
    ca: tls.ca === null ? undefined : readFileSync(tls.ca, 'utf8'),
  };
  if (sentinels !== undefined) {
    const { name, nodes } = sentinels;
    return { sentinels: { name, nodes }, url: sentinels.url, access };
  }
  if (cluster !== undefined) return { cluster, access };
  if (url !== undefined) return { url, access };
  throw new TypeError('entries of kind redis have none of url, sentinels and cluster');
}

type PolicyRule = Parameters<typeof createSourcePolicy>[0]['allow'][number];

/** Which of the two is given was checked when the file was read. */
function policyRule({ prefix, pattern, ...settings }: SourceRule): PolicyRule {
  if (prefix !== undefined) return { ...settings, prefix };
  if (pattern !== undefined) return { ...settings, pattern };
  throw new TypeError('an entry of sources.allow has neither prefix nor pattern');
}

function logProxies({ http, https }: ProxySettings, logger: Logger): void {
  if (http === null && https === null) return;
  // Without their credentials.
  const shown = { http: http?.host ?? null, https: https?.host ?? null };
  logger.info({ proxy: shown }, 'origins are asked through a proxy');
}

function openOrigin({ sources }: PartsConfig, policy: SourcePolicy, proxy: ProxySettings): Origin {
  return new HttpOrigin({
    policy,
    redirectLimit: sources.redirectLimit,
    maxObjectBytes: sources.maxObjectBytes,
    timeouts: sources.timeouts,
    proxy,
    // What TLS is given takes the place of what it trusts by itself.
    ca: sources.ca === null ? undefined : [...getCACertificates('default'), readFileSync(sources.ca, 'utf8')],
    userAgent: `cloud-mirror/${programVersion()}`,
  });
}
