import type { z } from 'zod';
import { describeFound, pathText } from './config-fault.ts';
import type { Fault } from './config-fault.ts';

/**
 * Describes what a schema found wrong with a value.
 * @param tree the value
 * @param secretPaths match the paths of values that may be secrets; only their length is shown
 */
export function schemaFaults(
  issues: readonly z.core.$ZodIssue[],
  tree: unknown,
  secretPaths: readonly RegExp[],
): Fault[] {
  const faults = new Map<string, Fault>();
  const add = (fault: Fault): void => {
    const key = `${fault.path}\n${fault.expected}\n${fault.found}`;
    if (!faults.has(key)) faults.set(key, fault);
  };
  for (const issue of issues) {
    const keys = keysOf(issue);
    const path = pathText(keys);
    if (issue.code === 'unrecognized_keys') {
      const expected = issue.message.split('\n');
      issue.keys.forEach((key, index) => {
        add({
          path: pathText([...keys, key]),
          found: 'an unknown key',
          expected: expected[index] ?? 'no such key',
        });
      });
      continue;
    }
    const found: unknown = issue.code === 'custom' ? issue.params?.['found'] : undefined;
    add({
      path,
      found: typeof found === 'string' ? found : describeFound(path, valueAtKeys(tree, keys), secretPaths),
      expected: issue.message,
    });
  }
  return [...faults.values()];
}

export function keysOf(issue: z.core.$ZodIssue): (string | number)[] {
  return issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
}

export function valueAtKeys(tree: unknown, keys: readonly (string | number)[]): unknown {
  return keys.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string | number, unknown>)[key]
        : undefined,
    tree,
  );
}
