// What a web page can try with a hub: every way to send a request that a browser has. It runs in the page.
//
// Each try resolves with what the page could read of the answer, or with undefined when it was given nothing.

const QUERY = '__try';
const SYNC = '/sync';
const HEALTH = '/hms.sync.v1.HealthService/GetHealth';
const PUBLISH = '/hms.sync.v1.SyncService/PublishAndWait';
const JSON_TYPE = 'application/json';
const EVENT = JSON.stringify({ type: 'ProcessUpdated', payload: { note: 'from a web page' } });
const MESSAGE = JSON.stringify({ event: { type: 'ProcessUpdated' }, wait: '0s' });
const CLOUD_EVENT = { 'ce-specversion': '1.0', 'ce-id': 'page', 'ce-source': 'page', 'ce-type': 'ProcessUpdated' };
/** An empty message of gRPC-Web. */
const FRAME = new Uint8Array(5);

const TRIES = {
  'fetch, GET': ({ url }) => read(url('/healthz')),
  'fetch, GET with cookies': ({ url }) => read(url('/healthz'), { credentials: 'include' }),
  'fetch, GET, no-cors': ({ url }) => read(url('/healthz'), { mode: 'no-cors' }),
  'fetch, GET in a worker': ({ url }) => inWorker(url('/healthz')),
  'fetch, POST of text, no-cors': ({ url }) => post(url(SYNC), EVENT, { mode: 'no-cors' }),
  'fetch, POST of a form, no-cors': ({ url }) =>
    post(url(SYNC), new URLSearchParams({ a: EVENT }), { mode: 'no-cors' }),
  'fetch, POST of no type, no-cors': ({ url }) => post(url(SYNC), new Blob([EVENT]), { mode: 'no-cors' }),
  'fetch, POST that outlives the page': ({ url }) => post(url(SYNC), EVENT, { mode: 'no-cors', keepalive: true }),
  'fetch, POST of JSON': ({ url }) => post(url(SYNC), EVENT, { headers: { 'content-type': JSON_TYPE } }),
  'fetch, POST of JSON with a token': ({ url, token }) =>
    post(url(SYNC), EVENT, { headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${token}` } }),
  'fetch, POST of a CloudEvent': ({ url }) => post(url(SYNC), '{}', { headers: CLOUD_EVENT }),
  'XMLHttpRequest, POST of JSON': ({ url }) => xhr(url(SYNC)),
  'sendBeacon of text': ({ url }) => beacon(url(SYNC), EVENT),
  'sendBeacon of JSON': ({ url }) => beacon(url(SYNC), new Blob([EVENT], { type: JSON_TYPE })),
  'a form, POST of text': ({ url }) => form(url(SYNC), { method: 'post', enctype: 'text/plain' }),
  'a form, POST of its own type': ({ url }) => form(url(SYNC), { method: 'post' }),
  'a form, GET': ({ url }) => form(url('/healthz'), { method: 'get' }),
  'a frame': ({ url }) => frame(url('/healthz')),
  'a new window': ({ url }) => newWindow(url('/healthz')),
  'a script': ({ url }) => element('script', { src: url('/healthz') }),
  'a module': ({ url }) => element('script', { type: 'module', src: url('/healthz') }),
  'an image': ({ url }) => element('img', { src: url('/healthz') }),
  'a style sheet': ({ url }) => element('link', { rel: 'stylesheet', href: url('/healthz') }),
  EventSource: ({ url }) => eventSource(url('/healthz')),
  WebSocket: ({ url }) => webSocket(url(SYNC)),
  'Connect, GET': ({ url }) => read(url(HEALTH, { connect: 'v1', encoding: 'json', message: '{}' })),
  'Connect, GET, no-cors': ({ url }) =>
    read(url(HEALTH, { connect: 'v1', encoding: 'json', message: '{}' }), { mode: 'no-cors' }),
  'Connect, POST of JSON': ({ url }) =>
    post(url(PUBLISH), MESSAGE, { headers: { 'content-type': JSON_TYPE, 'connect-protocol-version': '1' } }),
  'Connect, POST of text, no-cors': ({ url }) => post(url(PUBLISH), MESSAGE, { mode: 'no-cors' }),
  'gRPC-Web': ({ url }) =>
    post(url(HEALTH), FRAME, { headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' } }),
  'gRPC-Web, no-cors': ({ url }) => post(url(HEALTH), FRAME, { mode: 'no-cors' }),
  gRPC: ({ url }) => post(url(HEALTH), FRAME, { headers: { 'content-type': 'application/grpc', te: 'trailers' } }),
};

/** @returns what the page read; undefined when it was given nothing, or nothing in time */
// biome-ignore lint/correctness/noUnusedVariables: the proof runs it in the page
function tryOut({ name, hub, number, token }) {
  const url = (path, query = {}) => {
    const whole = new URL(path, hub);
    whole.search = new URLSearchParams({ ...query, [QUERY]: number });
    return whole.href;
  };
  const nothing = new Promise((resolve) => setTimeout(resolve, 5_000));
  return Promise.race([TRIES[name]({ url, token }).catch(() => undefined), nothing]);
}

async function read(url, options) {
  const response = await fetch(url, options);
  return response.type === 'opaque' ? undefined : `${response.status} ${await response.text()}`;
}

function post(url, body, options) {
  return read(url, { method: 'POST', body, ...options });
}

function inWorker(url) {
  const code = `fetch(${JSON.stringify(url)}).then((answer) => answer.text()).then(postMessage, () => postMessage(undefined))`;
  const worker = new Worker(URL.createObjectURL(new Blob([code])));
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = () => resolve(undefined);
  });
}

function xhr(url) {
  const request = new XMLHttpRequest();
  request.open('POST', url);
  request.setRequestHeader('content-type', JSON_TYPE);
  request.send(EVENT);
  return new Promise((resolve) => {
    request.onload = () => resolve(request.responseText);
    request.onerror = () => resolve(undefined);
  });
}

async function beacon(url, body) {
  navigator.sendBeacon(url, body);
}

function element(tag, attributes) {
  const made = Object.assign(document.createElement(tag), attributes);
  return new Promise((resolve) => {
    made.onload = () => resolve('loaded');
    made.onerror = () => resolve(undefined);
    document.head.append(made);
  });
}

function form(url, attributes) {
  const target = Object.assign(document.createElement('iframe'), { name: `frame${Math.random()}` });
  const made = Object.assign(document.createElement('form'), { ...attributes, target: target.name, action: url });
  for (const [name, value] of new URL(url).searchParams) {
    made.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
  }
  document.body.append(target, made);
  return loadedIn(target, () => made.submit());
}

function frame(url) {
  const made = document.createElement('iframe');
  document.body.append(made);
  return loadedIn(made, () => {
    made.src = url;
  });
}

function loadedIn(made, start) {
  return new Promise((resolve) => {
    made.onload = () => {
      // Of a document of another origin there is none.
      const { contentDocument } = made;
      if (contentDocument?.URL !== 'about:blank') resolve(contentDocument?.body.textContent || undefined);
    };
    start();
  });
}

function newWindow(url) {
  const opened = window.open(url);
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      try {
        const { body, URL: at } = opened.document;
        if (at === 'about:blank' || document.readyState !== 'complete' || !body?.textContent) return;
        done(body.textContent);
      } catch {
        done(undefined);
      }
    }, 50);
    function done(text) {
      clearInterval(timer);
      opened.close();
      resolve(text);
    }
  });
}

function eventSource(url) {
  const source = new EventSource(url);
  return new Promise((resolve) => {
    source.onopen = () => resolve('opened');
    source.onerror = () => {
      source.close();
      resolve(undefined);
    };
  });
}

function webSocket(url) {
  const socket = new WebSocket(url.replace('http', 'ws'));
  return new Promise((resolve) => {
    socket.onopen = () => resolve('opened');
    socket.onclose = () => resolve(undefined);
  });
}
