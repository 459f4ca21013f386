/**
 * Of Node's own http modules. Not imported: that would read every export they have, among them the copy of undici that
 * Node loads when it is asked for; 12 MB and 50 ms in each adapter's process.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
