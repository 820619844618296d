import type { CallOptions, ListedObject } from './stored-object.ts';

/** Facet of a store: lists objects. */
export interface ObjectLister {
  /** Lists every object whose key begins with `prefix`, in an unspecified order. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;
}

export interface ListOptions extends CallOptions {
  /** List only keys that sort after this text, by their bytes in UTF-8. Stores that can do so skip the others unread. */
  readonly startAfter?: string | undefined;
}
