import { currentSigner } from '@cloud-mirror/routed-objects';
import type { SharedKey } from '@cloud-mirror/state-store';
import type { Folders } from './objects/destinations.ts';

/**
 * Signs addresses of objects in folders with the key that all routers and front ends share.
 * @param publicUrl of the front end; undefined if the configuration does not name it
 */
export function folderSigning(publicUrl: string | undefined, key: SharedKey): () => Folders | string {
  const signer = currentSigner(key);
  return () => {
    if (publicUrl === undefined)
      return 'server.publicUrl is missing, where the front end serves the objects of folders';
    const current = signer();
    if (current === null) return 'the key for addresses of folders cannot be read from the StateStore';
    return { publicUrl, signer: current };
  };
}
