import { z } from 'zod';
import { flag, listOf, oneOf, seconds, section, strictMapping, wholeNumber } from '@cloud-mirror/config';

const ruleSchema = strictMapping({
  prefix: z.string({ error: 'the beginning of the addresses that are allowed' }).optional(),
  pattern: z.string({ error: 'a regular expression' }).optional(),
  /** Follows `sources.requireTls` where it is left out. */
  tls: oneOf(['required', 'optional']).optional(),
  privateAddresses: flag().default(false),
  signedQuery: oneOf(['refuse', 'keep']).default('refuse'),
  onRefusal: oneOf(['pass', 'origin']).default('pass'),
  ignoreVary: flag().default(false),
  ignoreCacheControl: flag().default(false),
  keepCacheControl: flag().default(false),
});

export const sourcesSchema = section({
  requireTls: flag().default(true),
  redirectLimit: wholeNumber(0, 100).default(20),
  maxObjectBytes: wholeNumber(1, 5 * 1024 ** 4, 'bytes').default(107_374_182_400),
  allow: listOf(ruleSchema, 'a list of what may be mirrored, each entry with a prefix or a pattern'),
  timeouts: section({
    connectSeconds: seconds(1, 3600).default(5),
    firstByteSeconds: seconds(1, 3600).default(15),
    totalSeconds: seconds(1).default(3600),
    minimumBytesPerSecond: wholeNumber(0, 1024 ** 3, 'bytes').default(10_240),
  }),
});
