import { PRELUDE } from './prelude.ts';

/**
 * Runs the commands of the other scripts on the key of the access check: Redis applies the ACL to each command inside a
 * script too.
 *
 * KEYS[1] key of the check
 * ARGV[1] channel
 * ARGV[2] message that names no object
 * Returns 1
 */
export const CHECK_ACCESS = `${PRELUDE}
write('""', now + 1000)
redis.call('DEL', key)
return 1
`;
