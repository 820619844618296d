/**
 * Routed objects have keys of their own, so that no route replaces a copy of the mirror, and no unsigned request to a copy
 * reaches a routed object.
 */
export const ROUTED_PREFIX = 'routed/';

/** The key in the folder for a key behind its route's prefix. */
export function routedKey(key: string): string {
  return ROUTED_PREFIX + key;
}

/** The inverse of {@link routedKey}. */
export function routedName(storeKey: string): string {
  return storeKey.slice(ROUTED_PREFIX.length);
}

/** Whether only signed requests may read the object with this key in a folder: routed objects, and parts of uploads. */
export function isRoutedKey(storeKey: string): boolean {
  return storeKey.startsWith('routed');
}
