import { readFile } from "node:fs/promises";
import type { Page } from "./site.ts";

/** What Auth0's SDK is created with. See Auth0ClientOptions in its documentation. */
export interface ClientSettings {
  domain: string;
  clientId: string;
  cacheLocation?: "memory" | "localstorage";
  useRefreshTokens?: boolean;
  useRefreshTokensFallback?: boolean;
  useFormData?: boolean;
  authorizationParams: { audience: string; scope?: string };
}

/**
 * A page as small as one can be that signs people in with Auth0's own SDK: two buttons, and who is signed in. It
 * leaves the SDK's client in `window.client` and, once the page is ready, the name in its `output`.
 */
export async function loginPage(sdk: string, settings: ClientSettings): Promise<Record<string, Page>> {
  const script = await readFile(new URL(`../node_modules/${sdk}/dist/auth0-spa-js.production.js`, import.meta.url));
  return {
    "/": ["text/html", html],
    "/settings.json": ["application/json", JSON.stringify(settings)],
    "/sdk.js": ["text/javascript", script],
  };
}

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
    document.querySelector("output").value = (await client.getUser())?.name ?? "nobody";
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
`;
