import { ObjectSigner } from './object-signer.ts';

/** The signer with the key in force; null while there is none. */
export function currentSigner(shared: { readonly current: Buffer | null }): () => ObjectSigner | null {
  let last: { readonly key: Buffer; readonly signer: ObjectSigner } | null = null;
  return () => {
    const key = shared.current;
    if (key === null) return null;
    if (last?.key !== key) last = { key, signer: new ObjectSigner(key) };
    return last.signer;
  };
}
