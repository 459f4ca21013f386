/** What an operator changed by the hub, for the log: never a payload, never a secret. */
export interface OperatorChange {
  readonly change:
    | 'replay'
    | 'cancel'
    | 'discard'
    | 'pause'
    | 'resume'
    | 'probe'
    | 'retry'
    | 'restart'
    | 'backup'
    | 'add'
    | 'upgrade'
    | 'rollback'
    | 'remove'
    | 'create token'
    | 'rotate token'
    | 'revoke token';
  /** The principal's name. */
  readonly by?: string;
  /** Why, as the operator said it; absent where none is asked for. */
  readonly reason?: string;
  readonly adapter?: string;
  readonly eventId?: string;
  /** Of the event. */
  readonly source?: string;
  readonly job?: string;
  /** The name of a token. */
  readonly token?: string;
  /** What runs now. */
  readonly adapterVersion?: string;
  readonly path?: string;
  /** How many deliveries it is about. */
  readonly deliveries?: number;
}
