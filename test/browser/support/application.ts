// An application at another origin, which signs users in with Auth0's SDK.
import { readFile } from 'node:fs/promises'
import type { Auth0Client } from '@auth0/auth0-spa-js'
import type { Page } from '@playwright/test'
import type { Site } from './site.ts'
import { expect, test as base } from './test.ts'

declare global {
  interface Window {
    /** The SDK's client in the page. */
    client: Auth0Client
  }
}

export const audience = 'https://menu.example.com'

/** The options of Auth0's SDK. See Auth0ClientOptions in its documentation. */
interface ClientSettings {
  domain: string
  clientId: string
  cacheLocation?: 'memory' | 'localstorage'
  useRefreshTokens?: boolean
  useRefreshTokensFallback?: boolean
  useFormData?: boolean
  authorizationParams: { audience: string }
}

interface Fixtures {
  /** The package of the SDK. */
  sdk: string
  /** Opens the application and returns its site. */
  open: (change?: Partial<ClientSettings>) => Promise<Site>
}

export const test = base.extend<Fixtures>({
  sdk: ['@auth0/auth0-spa-js', { option: true }],

  open: async ({ page, program, site, sdk }, use) =>
    use(async (change) => {
      const settings: ClientSettings = {
        domain: program.issuer.replace(/\/$/, ''),
        clientId: 'menu-dashboard',
        authorizationParams: { audience },
        ...change,
      }
      const script = new URL(`../node_modules/${sdk}/dist/auth0-spa-js.production.js`, import.meta.url)
      const opened = await site({
        '/': ['text/html', html],
        '/settings.json': ['application/json', JSON.stringify(settings)],
        '/sdk.js': ['text/javascript', await readFile(script)],
      })
      await page.goto(opened.origin)
      await expectUser(page, 'anonymous')
      return opened
    }),
})

/** Signs in through the provider's page, from the application or from the dashboard. */
export async function signIn(page: Page, person: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await page.getByRole('button', { name: person }).click()
}

/** Waits until the application shows this user. */
export async function expectUser(page: Page, name: string): Promise<void> {
  await expect(page.locator('output')).toHaveText(name)
}

// A minimal application: three buttons and the name of the user.
const html = `<!doctype html>
<html lang="en">
<title>Sign-in with Auth0's SDK</title>
<link rel="icon" href="data:,">
<button id="in">Sign in</button> <button id="popup">Sign in, in a window</button> <button id="out">Sign out</button>
<output></output>
<script src="/sdk.js"></script>
<script type="module">
  const settings = await (await fetch("/settings.json")).json();
  settings.authorizationParams.redirect_uri = location.origin + "/callback";
  const client = window.client = new auth0.Auth0Client(settings);
  const show = async () => {
    document.querySelector("output").value = (await client.getUser())?.name ?? "anonymous";
  };
  document.querySelector("#in").onclick = () => client.loginWithRedirect();
  document.querySelector("#popup").onclick = () => client.loginWithPopup().then(show);
  document.querySelector("#out").onclick = () =>
    client.logout({ logoutParams: { returnTo: location.origin + "/bye" } });
  if (new URLSearchParams(location.search).has("state")) {
    await client.handleRedirectCallback();
    history.replaceState({}, "", "/");
  } else {
    await client.checkSession();
  }
  await show();
</script>
</html>
`
