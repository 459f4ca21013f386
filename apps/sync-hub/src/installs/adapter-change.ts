import type { CanaryOptions } from '../lanes/canary.ts';

/** What became of adding or replacing an adapter. */
export interface Installed {
  readonly id: string;
  /** The version that runs now. */
  readonly version: string;
  /** What it said when it checked its external system and did not go well. */
  readonly warnings: readonly string[];
}

export interface AddRequest {
  /** `<package>@<range>`, or the absolute path of a tarball or a folder. */
  readonly package: string;
  /** Absent: the id of the manifest. */
  readonly id?: string | undefined;
  /** Undefined: none. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

export interface UpgradeRequest {
  readonly id: string;
  /** A version or range of its package, or the absolute path of a tarball or a folder. */
  readonly version: string;
  readonly canary?: CanaryOptions | undefined;
  readonly allowDowngrade: boolean;
}

/** What health tells of an adapter's versions beside the one that runs. */
export interface VersionsStanding {
  /** What a rollback goes back to; undefined when there is none. */
  readonly previous: string | undefined;
  /** Why another version runs than the lock names; empty when it is that one. */
  readonly notice: string;
}
