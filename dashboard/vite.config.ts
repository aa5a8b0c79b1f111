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

// The bundle of the SDK contains its worker a second time, and clients for passkeys and other features that this page does not
// use: more than half of its size. So the build compiles the SDK from its source, with an empty class for each of these.
const unused = [
  'AuthClient',
  ...['AnonymousSessionError', 'MfaChallengeError', 'MfaEnrollmentError', 'MfaListAuthenticatorsError'],
  ...['PasskeyChallengeError', 'PasskeyGetTokenError', 'PasskeyRegisterError'],
]
const smallSDK: Plugin = {
  name: 'small-sdk',
  apply: 'build',
  enforce: 'pre',
  resolveId(id) {
    if (id === '@auth0/auth0-spa-js') return this.resolve('@auth0/auth0-spa-js/src/Auth0Client.ts')
    return id === '@auth0/auth0-auth-js' || id === './worker/token.worker.ts' ? '\0unused' : undefined
  },
  load: (id) => (id === '\0unused' ? `export default class {}\n${unused.map((name) => `export class ${name} {}`).join('\n')}` : undefined),
}

// The parts that the page loads later have neither styles nor chunks to load with them.
const withoutPreload: Plugin = {
  name: 'without-preload',
  enforce: 'pre',
  load: (id) => (id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load()' : undefined),
}

export default defineConfig({
  plugins: [react(), bootstrapFromAPI, smallSDK, withoutPreload],
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
