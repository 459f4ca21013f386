/**
 * Of Node's own http module. Not imported: that would read every export it has, among them the copy of undici that Node
 * loads when it is asked for; 12 MB and 50 ms in each adapter's process.
 */
export const { STATUS_CODES, validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http');
