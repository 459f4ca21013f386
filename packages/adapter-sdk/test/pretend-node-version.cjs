// Preloaded with `node -r`: the program sees the Node version that the environment names.
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: process.env.PRETEND_NODE_VERSION } });
