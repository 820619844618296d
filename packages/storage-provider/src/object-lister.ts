import type { CallOptions, ListedObject } from './stored-object.ts';

/** Facet of a store: lists objects. */
export interface ObjectLister {
  /** Lists every object whose key begins with `prefix`, in an unspecified order. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
}
