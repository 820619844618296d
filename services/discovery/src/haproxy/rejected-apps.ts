import type { HaproxyTemplates, RenderedConfig } from '@cloud-mirror/edge-config';

/** A configuration that HAProxy accepts, and the apps that it is without. */
export interface AcceptedConfig {
  readonly config: RenderedConfig;
  /** Apps with HAProxy's reasons. */
  readonly rejected: ReadonlyMap<string, string>;
}

export interface ConfigSearch {
  /** Renders without some apps. */
  render(templates: HaproxyTemplates, rejected: ReadonlyMap<string, string>): RenderedConfig;
  /** @returns what HAProxy says against it; null if it accepts it */
  faultOf(config: RenderedConfig): Promise<string | null>;
}

/** Enough for ten faulty apps among a thousand. */
const MOST_CHECKS = 250;

/**
 * Finds a configuration that HAProxy accepts, by leaving out the apps that it rejects one by one: a label may name a file
 * that is not there.
 * @param rejected apps that are known to be rejected
 * @returns or what HAProxy says against the templates alone
 */
export async function acceptedConfig(
  search: ConfigSearch,
  templates: HaproxyTemplates,
  rejected: ReadonlyMap<string, string>,
): Promise<AcceptedConfig | { readonly templateFault: string }> {
  const config = search.render(templates, rejected);
  if ((await search.faultOf(config)) === null) return { config, rejected };
  const apps = [...new Set(config.backends.map(({ app }) => app))];
  const without = (left: readonly string[]): Map<string, string> => {
    const kept = new Set(left);
    return new Map([...rejected, ...apps.filter((app) => !kept.has(app)).map((app) => [app, ''] as const)]);
  };
  const templateFault = await search.faultOf(search.render(templates, without([])));
  if (templateFault !== null) return { templateFault };

  const found = new Map(rejected);
  let checks = 0;
  const divide = async (some: readonly string[]): Promise<void> => {
    checks += 1;
    if (some.length === 0 || checks > MOST_CHECKS) return;
    const fault = await search.faultOf(search.render(templates, without(some)));
    if (fault === null) return;
    const [only, ...others] = some;
    if (only !== undefined && others.length === 0) {
      found.set(only, `HAProxy refuses it: ${fault}`);
      return;
    }
    const half = Math.ceil(some.length / 2);
    await divide(some.slice(0, half));
    await divide(some.slice(half));
  };
  await divide(apps);
  const mended = search.render(templates, found);
  const rest = await search.faultOf(mended);
  if (rest !== null) return { templateFault: rest };
  return { config: mended, rejected: found };
}
