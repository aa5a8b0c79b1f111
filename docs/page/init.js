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
    // A header of no use, for which a provider's answer to the preflight may refuse the exchange of the code.
    delete request.headers["X-Requested-With"];
    return request;
  },
});

ui.initOAuth({
  clientId: settings.clientId,
  usePkceWithAuthorizationCodeGrant: true,
  // Without an audience, Auth0 issues tokens that are for no API.
  additionalQueryStringParams: { audience: settings.audience },
});
