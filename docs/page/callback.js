"use strict";

// Hands what the identity provider has answered (RFC 6749 section 4.1.2) to the page that opened this window, in the form
// that Swagger UI expects.
(() => {
  const flow = window.opener && window.opener.swaggerUIRedirectOauth2;
  if (!flow) {
    document.getElementById("result").textContent = "Start from /docs: this page is only the end of a sign-in.";
    return;
  }
  const { auth, state, redirectUrl, callback, errCb } = flow;
  const answer = new URLSearchParams(location.search);
  const fail = (message) => errCb({ authId: auth.name, source: "auth", level: "error", message });
  if (answer.get("state") !== state) {
    fail("The answer does not belong to this sign-in (its state is another). Sign in again.");
  } else if (!answer.get("code")) {
    fail(answer.get("error_description") || answer.get("error") || "The identity provider sent no code.");
  } else {
    auth.code = answer.get("code");
    callback({ auth, redirectUrl });
  }
  window.close();
})();
