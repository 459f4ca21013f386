/**
 * Node's http modules. Not imported: an import reads every export, which loads Node's copy of undici, 12 MB and 50 ms in
 * each adapter's process.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
