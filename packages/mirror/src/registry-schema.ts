import { z } from 'zod';
import { oneOf, seconds, section, text } from '@cloud-mirror/config';

/** Where the programs of a deployment announce themselves. */
export const registrySchema = section({
  /** Default: as `entries.kind`. */
  kind: oneOf(['redis', 'memory']).optional(),
  /** How long an instance that stopped renewing counts as running. */
  leaseSeconds: seconds(2, 300).default(5),
  /** The host at which others reach this process. Default: see `advertisedHost`. */
  advertise: text('a host name or an IP address', /^[A-Za-z0-9._:[\]-]+$/)
    .nullable()
    .default(null),
  /** How long a process that was told to stop goes on serving, so that balancers stop sending requests first. */
  drainDelaySeconds: seconds(0, 300).default(2),
  labels: z
    .record(
      text('the name of a label', /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
      z
        .string({ error: 'text, in quotes if it looks like a number' })
        .max(1000, { error: 'at most 1000 characters' }),
      { error: 'a mapping from labels to text' },
    )
    .default({}),
});
