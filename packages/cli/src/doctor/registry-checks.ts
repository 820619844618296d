import { failingRedis, isShared, openRegistry } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { failure, messageOf, ok } from './check-group.ts';
import type { CheckGroup } from './check-group.ts';

const PART = 'registry';

/** Checks that programs may announce themselves in Redis, which takes more permissions than entries. */
export const registryChecks: CheckGroup = {
  name: 'registry',
  async run({ config }) {
    const { registry: settings, entries } = config;
    if (!isShared(settings, entries)) return [];
    // Silent, because the finding reports everything.
    const logger = createLogger({ level: 'silent', program: 'cloud-mirror', version: '0' });
    await using registry = await openRegistry(settings, entries, logger);
    try {
      await registry.check();
    } catch (error) {
      const detail = failingRedis(error)?.detail;
      // A Redis that does not answer at all is reported as that of the entries.
      if (detail === undefined) return [];
      const [word = ''] = detail.split(':');
      return [
        failure(
          PART,
          'permitted',
          `Redis refuses: ${word} (${causeOf(error)})`,
          detail.slice(word.length + 2),
        ),
      ];
    }
    return [ok(PART, 'permitted', 'programs can announce themselves in Redis, and find each other')];
  },
};

function causeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  return messageOf(cause ?? error);
}
