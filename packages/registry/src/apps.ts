import { byStart } from './instance.ts';
import type { Instance, InstancePort } from './instance.ts';

/** The instances of one app, and what they have in common. */
export interface App {
  readonly name: string;
  /** Of the leading instance. */
  readonly labels: Instance['labels'];
  /** Of the leading instance. */
  readonly ports: readonly InstancePort[];
  /** In the order of their start. */
  readonly instances: readonly Instance[];
}

/** Groups instances by app, in the order of the apps' names. */
export function appsOf(instances: readonly Instance[]): App[] {
  const groups = [...Map.groupBy(instances, ({ app }) => app)];
  return groups
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, members]) => {
      const { labels, ports } = leading(members);
      return { name, labels, ports, instances: members.toSorted(byStart) };
    });
}

/** The instance whose labels apply to the whole app: the one that started last; of several, the one with the smallest id. */
function leading(members: readonly Instance[]): Pick<Instance, 'labels' | 'ports'> {
  const [first, ...others] = members;
  if (first === undefined) return { labels: {}, ports: [] };
  return others.reduce((best, one) => {
    if (one.startedAt !== best.startedAt) return one.startedAt > best.startedAt ? one : best;
    return one.id < best.id ? one : best;
  }, first);
}
