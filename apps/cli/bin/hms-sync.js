#!/usr/bin/env node
// Must run on an old Node (CommonJS, syntax of Node 12), to report that it is too old.
'use strict';

handleSignals();

const neededText = require('../package.json').engines.node.replace('>=', '');
const installed = process.versions.node.split('.').map(Number);
const needed = neededText.split('.').map(Number);
const differing = needed.findIndex((part, index) => part !== installed[index]);

if (differing !== -1 && installed[differing] < needed[differing]) {
  console.error(
    `hms-sync: Node ${process.versions.node} is too old, ${neededText} or newer is needed: install it from ` +
      `https://nodejs.org, or run: npx -p node@${needed[0]} hms-sync`,
  );
  process.exit(5);
} else {
  start();
}

function start() {
  const fs = require('node:fs');
  const path = require('node:path');
  const { pathToFileURL } = require('node:url');
  const sourceCondition = '--conditions=@hms-sync/source';
  const sources = path.join(__dirname, '../src');

  if (!fs.existsSync(path.join(sources, 'main.ts'))) {
    // Published: built code.
    import('../dist/main.js');
  } else if (process.execArgv.indexOf(sourceCondition) !== -1) {
    import(pathToFileURL(path.join(sources, 'main.ts')).href);
  } else {
    // A checkout: runs the sources, with the condition for the sources of the sibling packages.
    import(pathToFileURL(path.join(sources, 'exec-node.ts')).href).then((module) =>
      module.execNode([sourceCondition].concat(process.execArgv, __filename, process.argv.slice(2))),
    );
  }
}

// With SIGUSR1, any process of the same user could open Node's debugger. For process 1 of a container, the system ignores
// signals without a handler: these handlers end it until the command has its own.
function handleSignals() {
  process.on('SIGUSR1', function ignore() {});
  if (process.pid !== 1) return;
  const ending = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  if (wasSignalled()) process.exit(ending.SIGTERM);
  Object.keys(ending).forEach((signal) => {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(ending[signal]);
    });
  });
}

// Node handles SIGINT and SIGTERM once each, until a program does. A signal that it no longer handles has arrived.
function wasSignalled() {
  try {
    const caught = /^SigCgt:\s*[0-9a-f]*([0-9a-f]{8})$/m.exec(
      require('node:fs').readFileSync('/proc/self/status', 'utf8'),
    );
    return caught !== null && (parseInt(caught[1], 16) & 0x4002) !== 0x4002;
  } catch (_) {
    return false;
  }
}
