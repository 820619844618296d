import { resolve, sep } from 'node:path';
import { valueAt } from '@cloud-mirror/config';
import type { ConfiguredServices, StoreFault } from '@cloud-mirror/storage-provider';

/** Back ends that share a folder would mistake each other's copies and purge markers for their own. */
export function directoryFaults({ regions }: ConfiguredServices): StoreFault[] {
  const seen: { readonly folder: string; readonly backend: string }[] = [];
  const faults: StoreFault[] = [];
  for (const { service, region, settings } of regions) {
    const directory = valueAt(settings, 'directory');
    if (typeof directory !== 'string') continue;
    const folder = resolve(directory, region) + sep;
    const other = seen.find((one) => folder.startsWith(one.folder) || one.folder.startsWith(folder));
    if (other !== undefined)
      faults.push({
        path: ['services', service, 'directory'],
        found: JSON.stringify(directory),
        expected: `a folder of its own: not the folder of ${other.backend}, nor one inside or around it`,
      });
    seen.push({ folder, backend: `${service}/${region}` });
  }
  return faults;
}
