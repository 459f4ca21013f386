/** What a person changed by the hub, for the log: never a payload, never a secret. */
export interface OperatorChange {
  readonly change: 'replay' | 'cancel' | 'discard' | 'pause' | 'resume' | 'probe' | 'backup';
  /** Why, as the person said it; absent where none is asked for. */
  readonly reason?: string;
  readonly adapter?: string;
  readonly eventId?: string;
  readonly job?: string;
  readonly path?: string;
  /** How many deliveries it is about. */
  readonly deliveries?: number;
}
