import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

// The API that `npm run dev` works against.
const api = process.env.MENU_API ?? 'http://localhost:7000'

// What the server writes into the page when it serves a build: under Vite's own server it is fetched from there.
const bootstrapFromAPI: Plugin = {
  name: 'bootstrap-from-api',
  apply: 'serve',
  async transformIndexHtml(html, { path }) {
    const page = await (await fetch(api + path.replace(/index\.html$/, ''))).text()
    const block = /<script type="application\/json" id="bootstrap">.*?<\/script>/s
    return html.replace(block, () => block.exec(page)?.[0] ?? '')
  },
}

// The SDK carries its worker a second time, as text for a blob: URL, which the policy of the page would not let run.
const withoutInlineWorker: Plugin = {
  name: 'without-inline-worker',
  transform(code, id) {
    return id.includes('/@auth0/auth0-react/') ? code.replace(/"[A-Za-z0-9+/]{4000,}={0,2}"/, '""') : undefined
  },
}

export default defineConfig({
  plugins: [react(), bootstrapFromAPI, withoutInlineWorker],
  server: { proxy: { '/items': api, '/me': api, '/api': api } },
  build: {
    target: 'es2022',
    emptyOutDir: false, // build/compress.mjs empties it, except for what Git keeps there
    assetsInlineLimit: 0, // the policy of the page allows no inline code
    modulePreload: { polyfill: false },
    reportCompressedSize: false, // build/compress.mjs does
  },
  test: {
    environment: 'happy-dom',
    isolate: false, // a DOM for each file takes longer than its tests
    silent: 'passed-only',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
  },
})
