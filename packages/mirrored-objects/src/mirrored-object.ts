import type { Backend } from './backend.ts';
import type { ObjectId } from './object-id.ts';
import { markerKey, objectKey, urlSha256 } from './object-key.ts';

/** One object in one back end, with every name that it has there. */
export interface MirroredObject {
  readonly backend: Backend;
  /** Normal form of the origin URL: the object's identity. */
  readonly url: string;
  readonly id: ObjectId;
  readonly markerKey: string;
}

export function mirroredObject(backend: Backend, url: string): MirroredObject {
  const sha256 = urlSha256(url);
  const id = { backend: backend.name, sha256, ...(backend.keys === 'hashed' && { keys: backend.keys }) };
  return { backend, url, id, markerKey: markerKey(sha256) };
}

/** The key of the object's copy in `generation`. */
export function copyKey(object: MirroredObject, generation: string): string {
  const { store, keys } = object.backend;
  return objectKey(object.url, generation, store.maxKeyBytes, keys);
}
