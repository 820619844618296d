import type { KeyLayout } from '@cloud-mirror/storage-provider';

/** Keys as the mirror makes them. */
export const KEY_LAYOUT: KeyLayout = {
  copyPrefixes: ['http://', 'https://', 'g/', 'sha256/'],
  trialPrefix: 'g/trial-',
  hashedPrefix: 'sha256/0/',
};
