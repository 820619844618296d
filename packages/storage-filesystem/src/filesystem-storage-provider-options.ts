import type { FileCallLimits } from './file-calls.ts';
import type { FileFault } from './open-object-file.ts';

/** A directory of objects, and the URL at which clients read them. */
export interface FilesystemStorageProviderOptions {
  /**
   * A directory used only by this back end; created if it is missing. Several processes on one machine may share it. It
   * must not span file systems, because a rename makes an object visible.
   */
  readonly directory: string;
  /** The URL prefix of the objects on the front end: `<server.publicUrl>/v1/objects/<service>/<region>/`. */
  readonly urlBase: string;
  /**
   * Maximum total size of the objects' files in bytes, footers included. The least recently used objects are evicted to
   * make room, except those put with `keep`. Together with removed objects that clients are still reading, it may be
   * exceeded by a fifth; beyond that, their readers are cut.
   */
  readonly maxBytes: number;
  /** Bounds of the file calls. Default: {@link DEFAULT_FILE_CALL_LIMITS}. */
  readonly fileCalls?: Partial<FileCallLimits>;
  /**
   * Called with an object's key and metadata, and awaited, before the object is evicted, so that references to it are
   * dropped first. If it rejects, the object is not evicted.
   */
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
  /**
   * Called once for each file that is in the place of an object but does not contain it; called again for a file after
   * many others. Such an object counts as absent, and the next put of its key replaces the file. `name` is the last
   * segment of the object's address.
   */
  readonly onFault?: ((name: string, fault: FileFault) => void) | undefined;
}
