import { AroundEntryStore, type EntryStore, type EntryStoreCall } from '@cloud-mirror/entry-store';
import type { CallGate } from './call-gate.ts';

/** An EntryStore whose calls go through a gate as part `entries`. Their subject is the writer's token. */
export class GatedEntryStore extends AroundEntryStore {
  constructor(inner: EntryStore, gate: CallGate) {
    super(inner, (call, work) =>
      gate.run({ part: 'entries', method: call.method, ...detailsOf(call) }, work),
    );
  }
}

function detailsOf(call: EntryStoreCall): { subject: string; options: unknown } {
  switch (call.method) {
    case 'claim':
    case 'take':
      return { subject: call.args[1].token, options: call.args[1] };
    case 'renew':
    case 'fail':
      return { subject: call.args[1], options: call.args[2] };
    case 'commit': {
      const [, token, copy, ttlMs] = call.args;
      return { subject: token, options: { copy, ttlMs } };
    }
    case 'noteCheck':
      return { subject: call.args[1], options: call.args[2] };
    case 'release':
      return { subject: call.args[1], options: null };
    case 'drop':
      return { subject: call.args[1] ?? '', options: call.args[0] };
    case 'flush':
      return { subject: '', options: call.args[0] };
    case 'get':
    case 'seal':
    case 'check':
    case 'server':
      return { subject: '', options: null };
  }
}
