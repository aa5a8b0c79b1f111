/**
 * Tells the page which roles its user has, so that it shows an administrator the buttons to edit with. It is for show:
 * the API looks at the permissions in the access token alone. The name in the access token is for the history, which
 * otherwise shows the subject.
 *
 * @param {Event} event what is known of the sign-in
 * @param {PostLoginAPI} api what may be done about it
 */
exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim('##AUDIENCE##/roles', event.authorization?.roles ?? []);
  if (event.user?.name) {
    api.accessToken.setCustomClaim('name', event.user.name);
  }
};
