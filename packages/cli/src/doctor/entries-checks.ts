import type { CheckGroup } from './check-group.ts';
import { failure, ok, warning } from './finding.ts';
import { messageOf } from './message-of.ts';

const PART = 'entries';

/** Whether the entry store answers and takes writes. */
export const entriesChecks: CheckGroup = {
  name: 'entries',
  async run({ config, adapters }) {
    if (config.entries.kind === 'memory')
      return [
        warning(
          PART,
          'shared',
          'entries are kept in the memory of one process and are lost when it ends',
          'use entries.kind redis for front ends and copiers that run apart',
        ),
      ];
    try {
      await adapters.entries.check();
      return [ok(PART, 'reachable', 'Redis answers and takes writes')];
    } catch (error) {
      return [
        failure(
          PART,
          'reachable',
          messageOf(error),
          'check entries.url (or sentinels, cluster), the network and the credentials',
        ),
      ];
    }
  },
};
