// Runs an Action as Auth0 does: as a CommonJS module whose export is called with the event and the api. Reads
// {code, event} from standard input and writes what the Action asked the api for. The api has nothing else.
const vm = require('node:vm');
const { code, event } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));

const claims = { idToken: {}, accessToken: {} };
const setter = (token) => ({ setCustomClaim: (name, value) => { claims[token][name] = value; } });
const exported = {};
vm.runInNewContext(code, { exports: exported }, { timeout: 1000 });
Promise.resolve(exported.onExecutePostLogin(event, { idToken: setter('idToken'), accessToken: setter('accessToken') }))
  .then(() => console.log(JSON.stringify(claims)));
