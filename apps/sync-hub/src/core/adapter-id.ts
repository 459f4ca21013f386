/** What an adapter's id looks like, in a manifest as in the configuration: short enough for a column of a table. */
export const ADAPTER_ID = /^[a-z][a-z0-9-]{0,62}$/;

/** {@link ADAPTER_ID} in words, for the message about an id that is none. */
export const ADAPTER_ID_RULE = 'must be 1 to 63 characters of a-z, 0-9 and -, a letter first';
