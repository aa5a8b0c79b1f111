"use strict";

// Passes the identity provider's response (RFC 6749 section 4.1.2) to the page that opened this window, in the form that
// Swagger UI expects.
(() => {
  const flow = window.opener && window.opener.swaggerUIRedirectOauth2;
  if (!flow) {
    document.getElementById("result").textContent = "Start from /docs: this page is only the end of a sign-in.";
    return;
  }
  const { auth, state, redirectUrl, callback, errCb } = flow;
  const response = new URLSearchParams(location.search);
  const fail = (message) => errCb({ authId: auth.name, source: "auth", level: "error", message });
  if (response.get("state") !== state) {
    fail("The response belongs to another sign-in (its state differs). Sign in again.");
  } else if (!response.get("code")) {
    fail(response.get("error_description") || response.get("error") || "The identity provider sent no code.");
  } else {
    auth.code = response.get("code");
    callback({ auth, redirectUrl });
  }
  window.close();
})();
