import type { BudgetedObject } from '@cloud-mirror/copy-budgets';
import type { MirroredObject } from '@cloud-mirror/mirrored-objects';

/** The object as budgets know it. */
export function budgeted({ backend: { service, region }, url }: MirroredObject): BudgetedObject {
  return { service, region, url };
}
