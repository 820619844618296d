import { AroundStorageProvider } from '@cloud-mirror/storage-provider';
import type { ListedObject, ListOptions, StorageCall, StorageProvider } from '@cloud-mirror/storage-provider';
import type { CallGate } from './call-gate.ts';

/** A StorageProvider whose calls go through a gate. Their subject is the key, or the prefix of a listing. */
export class GatedStore extends AroundStorageProvider {
  readonly #gate: CallGate;
  readonly #part: string;

  constructor(inner: StorageProvider, gate: CallGate, part: string) {
    super(inner, (call, work) => gate.run({ part, method: call.method, ...detailsOf(call) }, work));
    this.#gate = gate;
    this.#part = part;
  }

  override async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    const call = { part: this.#part, method: 'list', subject: prefix, options };
    const listed = await this.#gate.run(call, async () => {
      const objects: ListedObject[] = [];
      for await (const object of super.list(prefix, options)) objects.push(object);
      return objects;
    });
    yield* listed;
  }
}

function detailsOf(call: StorageCall): { subject: string; options: unknown } {
  switch (call.method) {
    case 'put':
      return { subject: call.args[0], options: call.args[2] };
    case 'prepare':
    case 'check':
      return { subject: '', options: call.args[0] };
    case 'urlFor':
    case 'head':
    case 'open':
    case 'delete':
      return { subject: call.args[0], options: call.args[1] };
  }
}
