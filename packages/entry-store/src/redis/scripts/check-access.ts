import { PRELUDE } from './prelude.ts';

/**
 * Does what the other scripts do, to a key that is nobody's entry: an ACL is asked for each command within a script as well.
 *
 * KEYS[1] key of the check
 * ARGV[1] channel, ARGV[2] a name that is no object's
 * Returns 1
 */
export const CHECK_ACCESS = `${PRELUDE}
write('""', now + 1000)
redis.call('DEL', key)
return 1
`;
