import { z } from 'zod';
import { section, strictMapping, text, wholeNumber } from '@cloud-mirror/config';
import { REGIONS_EXPECTED } from '@cloud-mirror/storage-provider';

/** Limits on new copies, of a service or a region. */
const budgets = () =>
  section({
    copiesPerMinute: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'copies').nullable().default(null),
    bytesPerDay: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes').nullable().default(null),
    bytesStored: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes').nullable().default(null),
  });

/** A service of kind `filesystem`. */
export const filesystemServiceSchema = strictMapping({
  kind: z.literal('filesystem'),
  directory: text('the path of a folder', /^[^\0]+$/).default('data/objects'),
  maxBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER, 'bytes').default(10_737_418_240),
  budgets: budgets(),
  regions: z.record(z.string(), section({ budgets: budgets() }), { error: REGIONS_EXPECTED }),
});

export type FilesystemService = z.output<typeof filesystemServiceSchema>;
