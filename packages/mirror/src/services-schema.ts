import { z } from 'zod';
import { STORE_KIND_NAMES, STORE_SCHEMAS } from './store-kinds.ts';

const serviceSchema = z.discriminatedUnion('kind', STORE_SCHEMAS, {
  error: (issue) =>
    issue.code === 'invalid_union' ? STORE_KIND_NAMES.join(' or ') : 'a mapping with kind and regions',
});

export const servicesSchema = z.record(z.string(), serviceSchema, {
  error: 'a mapping of at least one service',
});
