/** A clinic's process as HMS-API keeps it. */
export interface Process {
  /** Names the process in HMS, 1 to 64 of the characters a-z, 0-9 and '-'. */
  id: string;
  /** Counts its changes, from 1. */
  version: number;
  /** What a clinic calls it. */
  name: string;
  /** What one can book. */
  slots: Slot[];
}

/** One kind of appointment of a process. */
export interface Slot {
  kind: 'in-person' | 'telehealth';
  durationMinutes: number;
}

/** A process as a user enters it, without what HMS-API adds. */
export type ProcessDraft = Omit<Process, 'version'>;
