"use strict";

const settings = JSON.parse(document.getElementById("settings").textContent);

// Swagger UI puts a link into the button of each operation, which screen readers cannot tell apart.
const accessible = ({ React }) => ({
  wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) },
});

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  plugins: [accessible],
  oauth2RedirectUrl: location.origin + "/docs/callback",
  requestInterceptor: (request) => {
    // No server needs this header, and a provider whose CORS policy does not allow it would reject the code exchange.
    delete request.headers["X-Requested-With"];
    return request;
  },
});

ui.initOAuth({
  clientId: settings.clientId,
  usePkceWithAuthorizationCodeGrant: true,
  // Without an audience, Auth0 issues tokens that no API accepts.
  additionalQueryStringParams: { audience: settings.audience },
});

// Swagger UI leaves out the names of these elements, which a screen reader announces.
const names = {
  "#servers": () => "Server",
  "select": (select) => select.closest("tr")?.dataset.paramName ?? "Example",
  "textarea": () => "Request body",
  ".copy-to-clipboard button": () => "Copy",
  ".close-modal": () => "Close",
  "[role=region]": ({ id }) => id.replaceAll("_", " "),
};
new MutationObserver(() => {
  for (const [selector, nameOf] of Object.entries(names)) {
    for (const element of document.querySelectorAll(`${selector}:not([aria-label], [aria-labelledby])`)) {
      element.setAttribute("aria-label", nameOf(element));
    }
  }
  // These buttons have a name that differs from their text.
  for (const button of document.querySelectorAll(".auth-btn-wrapper [aria-label]")) button.removeAttribute("aria-label");
}).observe(document.getElementById("reference"), { childList: true, subtree: true });
