#!/usr/bin/env node
// Must parse and run on a Node that is far too old (CommonJS, syntax of Node 12), so that it can say so.
'use strict';

takeSignals();

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
    // A checkout: Node runs the sources themselves, and has to find those of the sibling packages too.
    import(pathToFileURL(path.join(sources, 'exec-node.ts')).href).then((module) =>
      module.execNode([sourceCondition].concat(process.execArgv, __filename, process.argv.slice(2))),
    );
  }
}

// Any process of the same user can send SIGUSR1, and Node would open its debugger. And the system ignores what process 1
// of a container has no handler for: until the command has its own, this one ends it.
function takeSignals() {
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

// Node catches SIGINT and SIGTERM, each once, until a program does. One that it catches no longer has come.
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
