/** How a process ended, as far as the hub saw. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the hub killed it. Undefined: it did not. */
  readonly killedFor: string | undefined;
  /** What adapter code threw outside of an attempt. Undefined: nothing. */
  readonly uncaught: string | undefined;
  /** V8 said that its heap is full. */
  readonly outOfHeap: boolean;
  /** What its heap could come to. */
  readonly heapLimitMb: number;
}

/** Why a process ended, for operators, as what follows "the adapter's process". */
export function endReason(end: ProcessEnd): string {
  if (end.killedFor !== undefined) return `was killed: ${end.killedFor}`;
  if (end.uncaught !== undefined)
    return `ended: its code threw ${end.uncaught} outside of an attempt, and nobody caught it`;
  if (end.outOfHeap) return `ended: its heap went past ${end.heapLimitMb} MB (limits.memoryMb in its manifest)`;
  if (end.signal !== null) return `was ended by ${end.signal}`;
  return `exited with code ${end.exitCode}`;
}
