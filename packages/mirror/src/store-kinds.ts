import { FILESYSTEM_KIND } from '@cloud-mirror/storage-filesystem';
import { S3_KIND } from '@cloud-mirror/storage-s3';
import type { StoreKind } from '@cloud-mirror/storage-provider';
import type { z } from 'zod';

/** Every kind of store that a service may have. A new kind is one package and one name here. */
export const STORE_KINDS = [S3_KIND, FILESYSTEM_KIND] as const;

type Schemas<Kinds extends readonly { readonly schema: unknown }[]> = {
  -readonly [Index in keyof Kinds]: Kinds[Index]['schema'];
};

/** The schemas of services, one for each kind. */
export const STORE_SCHEMAS = STORE_KINDS.map(({ schema }) => schema) as unknown as Schemas<
  typeof STORE_KINDS
>;

export const STORE_KIND_NAMES: readonly string[] = STORE_KINDS.map(({ kind }) => kind);

/** One service of the configuration, checked. */
export type Service = z.output<(typeof STORE_KINDS)[number]['schema']>;

/** The kind of a service. */
export function kindOf<One extends Service>(service: One): StoreKind<One> {
  const found = STORE_KINDS.find(({ kind }) => kind === service.kind);
  if (found === undefined) throw new TypeError(`there is no kind of store ${String(service.kind)}`);
  return found as unknown as StoreKind<One>;
}
