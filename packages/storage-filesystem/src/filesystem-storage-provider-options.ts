import type { FileFault } from './open-object-file.ts';

/** One directory and how its objects are reached. */
export interface FilesystemStorageProviderOptions {
  /**
   * Directory of this back end alone; made when it is missing. Several processes of one machine may share it. All of it
   * must be in one file system, since what makes an object visible is a rename.
   */
  readonly directory: string;
  /** Where the front end serves the objects, ending in a slash: `<server.publicUrl>/v1/objects/<service>/<region>/`. */
  readonly urlBase: string;
  /**
   * Bytes of files that objects may take up, footers included. Least recently used objects make room, unless they were
   * put with `keep`.
   */
  readonly maxBytes: number;
  /**
   * Called with an object's key and metadata before its file is removed for room, and awaited: whoever points to the
   * object forgets it first. Where it rejects the object stays.
   */
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
  /**
   * Called once for each file (again after many others) that lies where an object's should and does not hold it.
   * Such an object counts as absent, and the next put of its key replaces the file. `name` is the last segment of the
   * object's address.
   */
  readonly onFault?: ((name: string, fault: FileFault) => void) | undefined;
}
