import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

// The API that `npm run dev` works against.
const api = process.env.MENU_API ?? 'http://localhost:7000'

// The API server writes data into a built page. Vite's server fetches that data from the API.
const bootstrapFromAPI: Plugin = {
  name: 'bootstrap-from-api',
  apply: 'serve',
  async transformIndexHtml(html, { path }) {
    const page = await (await fetch(api + path.replace(/index\.html$/, ''))).text()
    const block = /<script type="application\/json" id="bootstrap">.*?<\/script>/s
    return html.replace(block, () => block.exec(page)?.[0] ?? '')
  },
}

// The SDK contains its worker a second time, as text for a blob: URL, which the page's policy blocks.
const withoutInlineWorker: Plugin = {
  name: 'without-inline-worker',
  transform(code, id) {
    return id.includes('/@auth0/auth0-spa-js/') ? code.replace(/"[A-Za-z0-9+/]{4000,}={0,2}"/, '""') : undefined
  },
}

// The parts that the page loads later have neither styles nor chunks to load with them.
const withoutPreload: Plugin = {
  name: 'without-preload',
  enforce: 'pre',
  load: (id) => (id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load()' : undefined),
}

export default defineConfig({
  plugins: [react(), bootstrapFromAPI, withoutInlineWorker, withoutPreload],
  server: { proxy: { '/items': api, '/me': api, '/api': api } },
  build: {
    target: 'es2022',
    emptyOutDir: false, // build/clean.mjs empties it, except for the files in Git
    assetsInlineLimit: 0, // the policy of the page allows no inline code
    modulePreload: false,
    reportCompressedSize: false, // build/compress.mjs prints them
  },
  test: {
    environment: 'happy-dom',
    testTimeout: 30_000, // generous, for busy machines
    isolate: false, // a DOM for each file takes longer than its tests
    silent: 'passed-only',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
  },
})
