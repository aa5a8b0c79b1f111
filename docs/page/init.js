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

// Swagger UI's menus have no labels, for example those of the examples of a response.
new MutationObserver(() => {
  for (const select of document.querySelectorAll("select:not([aria-label])")) {
    const row = select.closest("tr");
    select.setAttribute("aria-label", select.id === "servers" ? "Server" : row?.dataset.paramName ?? "Example");
  }
}).observe(document.getElementById("reference"), { childList: true, subtree: true });
