import { z } from 'zod';
import { section, strictMapping, text, wholeNumber } from '@cloud-mirror/config';
import { REGIONS_EXPECTED } from '@cloud-mirror/storage-provider';

/** A service of kind `filesystem`. */
export const filesystemServiceSchema = strictMapping({
  kind: z.literal('filesystem'),
  directory: text('the path of a folder', /^[^\0]+$/).default('data/objects'),
  maxBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER, 'bytes').default(10_737_418_240),
  regions: z.record(z.string(), section({}), { error: REGIONS_EXPECTED }),
});

export type FilesystemService = z.output<typeof filesystemServiceSchema>;
