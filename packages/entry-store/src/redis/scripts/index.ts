import type { RedisCommands } from '@cloud-mirror/redis';
import { CHECK_ACCESS } from './check-access.ts';
import { CLAIM } from './claim.ts';
import { COMMIT } from './commit.ts';
import { DROP } from './drop.ts';
import { FAIL } from './fail.ts';
import { NOTE_CHECK } from './note-check.ts';
import { RELEASE } from './release.ts';
import { RENEW } from './renew.ts';
import { TAKE } from './take.ts';

/** Every script, by the name of the command that ioredis defines for it. */
export const ENTRY_SCRIPTS = {
  claimEntry: { numberOfKeys: 1, lua: CLAIM },
  takeEntry: { numberOfKeys: 1, lua: TAKE },
  renewEntry: { numberOfKeys: 1, lua: RENEW },
  commitEntry: { numberOfKeys: 1, lua: COMMIT },
  failEntry: { numberOfKeys: 1, lua: FAIL },
  releaseEntry: { numberOfKeys: 1, lua: RELEASE },
  noteCheck: { numberOfKeys: 1, lua: NOTE_CHECK },
  dropEntry: { numberOfKeys: 1, lua: DROP },
  checkAccess: { numberOfKeys: 1, lua: CHECK_ACCESS },
} as const;

type Arguments = [key: string, channel: string, name: string, ...rest: (string | number)[]];

/** The commands that {@link ENTRY_SCRIPTS} defines on a client, with the types of their replies. */
export interface EntryScripts {
  claimEntry(...args: Arguments): Promise<[claimed: 1, attempts: number] | [claimed: 0, entry: string]>;
  takeEntry(
    ...args: Arguments
  ): Promise<
    [taken: 1, ownClaim: 0 | 1, attempts: number] | [taken: 0, entry: string, leaseRemainingMs: number]
  >;
  renewEntry(...args: Arguments): Promise<0 | 1>;
  commitEntry(...args: Arguments): Promise<0 | 1>;
  failEntry(...args: Arguments): Promise<0 | 1>;
  releaseEntry(...args: Arguments): Promise<0 | 1>;
  noteCheck(...args: Arguments): Promise<0 | 1>;
  dropEntry(...args: Arguments): Promise<0 | 1>;
  checkAccess(...args: Arguments): Promise<1>;
}

/** The connection through which entries are read and written. */
export type EntryCommands = RedisCommands<EntryScripts>;
