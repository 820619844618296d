import type { CallOptions } from './stored-object.ts';
import type { StorageProvider } from './storage-provider.ts';

/** Facet of a store: lists one level of names below a prefix. */
export interface FolderLister {
  /** Lists names in the order of their UTF-8 bytes, at most `limit` of them. */
  listFolder(prefix: string, options: FolderListing): Promise<FolderPage>;
}

export interface FolderListing extends CallOptions {
  /** Only names after this one; null for all. It need not exist. */
  readonly after: string | null;
  readonly limit: number;
}

export interface FolderPage {
  /** Keys without the prefix, up to their first slash. A name with a slash at its end stands for all keys below it. */
  readonly names: readonly string[];
  /** Whether there are names after the last one. */
  readonly more: boolean;
}

export function isFolderLister(store: object): store is FolderLister {
  return 'listFolder' in store;
}

/** Lists one level of a store that can only list everything below a prefix. Its memory is bounded by `limit`. */
export async function listFolderOf(
  store: Pick<StorageProvider, 'list'>,
  prefix: string,
  { after, limit, signal }: FolderListing,
): Promise<FolderPage> {
  if (isFolderLister(store)) return store.listFolder(prefix, { after, limit, signal });
  let names = new Set<string>();
  const smallest = (most: number): string[] => [...names].sort(compareBytes).slice(0, most);
  for await (const { key } of store.list(prefix, { signal })) {
    const name = firstName(key.slice(prefix.length));
    if (name === '' || (after !== null && compareBytes(name, after) <= 0)) continue;
    names.add(name);
    if (names.size > 2 * limit + 16) names = new Set(smallest(limit + 1));
  }
  return { names: smallest(limit), more: names.size > limit };
}

/** Up to the first slash, which belongs to the name. */
export function firstName(rest: string): string {
  const slash = rest.indexOf('/');
  return slash === -1 ? rest : rest.slice(0, slash + 1);
}

/** The order of UTF-8 bytes, in which S3 lists. That of UTF-16 units differs beyond U+FFFF. */
export function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
