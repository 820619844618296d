import type { CallOptions, ListedObject } from './stored-object.ts';

/** Facet of a store: lists objects. */
export interface ObjectLister {
  /** Every object whose key begins with `prefix`, in no order that one may rely on. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
}
