import { hash } from 'node:crypto';
import {
  CopyBudgets,
  MemoryBudgetLedger,
  RedisBudgetLedger,
  type BudgetedObject,
  type BudgetLedger,
  type BudgetLimits,
  type BudgetScope,
} from '@cloud-mirror/copy-budgets';
import type { SourcePolicy } from '@cloud-mirror/origin';
import type { Logger } from '@cloud-mirror/program';
import type { PartsConfig, SourceRule } from './program-schemas.ts';
import { redisFailureLog } from './redis-failures.ts';
import { redisConnection } from './redis-settings.ts';
import { kindOf } from './store-kinds.ts';

/** Opens the budgets of copies; `null` if the configuration limits nothing, so that nothing connects for them. */
export function openBudgets(config: PartsConfig, policy: SourcePolicy, logger: Logger): CopyBudgets | null {
  const rules = config.sources.allow.map(ruleScope);
  const backends = backendScopes(config);
  if (rules.every((scope) => scope === null) && backends.size === 0) return null;
  const scopesOf = ({ service, region, url }: BudgetedObject): readonly BudgetScope[] => {
    const decision = url === null ? null : policy.decide(new URL(url));
    const rule = decision?.allowed === true ? rules[decision.rule] : null;
    const others = backends.get(`${service}/${region}`) ?? [];
    return rule === null || rule === undefined ? others : [rule, ...others];
  };
  const onError = redisFailureLog(logger.child({ part: 'budgets' }));
  return new CopyBudgets({
    ledger: openLedger(config, onError),
    scopesOf,
    onFailure: (error) => onError(error instanceof Error ? error : new Error(String(error))),
  });
}

function openLedger({ entries }: PartsConfig, onError: (error: Error) => void): BudgetLedger {
  switch (entries.kind) {
    case 'memory':
      return new MemoryBudgetLedger();
    case 'redis':
      return new RedisBudgetLedger({
        connection: redisConnection(entries),
        keyPrefix: entries.keyPrefix,
        commandTimeoutMs: entries.commandTimeoutMs,
        onError,
      });
  }
}

/** The key is made of what the rule allows, because its index changes with the file. */
function ruleScope({ prefix, pattern, budgets }: SourceRule, index: number): BudgetScope | null {
  const key = `rule:${hash('sha256', prefix ?? pattern ?? '').slice(0, 32)}`;
  const limits = { ...budgets, bytesStored: null };
  return isLimited(limits) ? { key, path: `sources.allow[${index}]`, limits, lifespanDays: null } : null;
}

/** The scopes of each back end that has any: its service's and its own. */
function backendScopes({ services }: PartsConfig): ReadonlyMap<string, readonly BudgetScope[]> {
  const all = new Map<string, readonly BudgetScope[]>();
  for (const [service, settings] of Object.entries(services)) {
    const path = `services.${service}`;
    for (const [region, { budgets }] of Object.entries(settings.regions)) {
      const { lifespanDays } = kindOf(settings).copyTerms(settings, region);
      const scopes = [
        { key: `service:${service}`, path, limits: settings.budgets, lifespanDays },
        {
          key: `region:${service}/${region}`,
          path: `${path}.regions.${region}`,
          limits: budgets,
          lifespanDays,
        },
      ].filter(({ limits }) => isLimited(limits));
      if (scopes.length > 0) all.set(`${service}/${region}`, scopes);
    }
  }
  return all;
}

function isLimited(limits: BudgetLimits): boolean {
  return Object.values(limits).some((limit) => limit !== null);
}
