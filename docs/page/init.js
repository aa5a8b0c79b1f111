"use strict";

const settings = JSON.parse(document.getElementById("settings").textContent);

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
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
