// The certified OpenID provider, set up as a strict mail provider: PKCE required, refresh tokens rotated, revocation and
// introspection on. Prints its issuer once it listens, on a free loopback port. Ends when its stdin does.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Provider } from 'oidc-provider';

// The library's notices go to stdout, which whoever has read the issuer from it has closed: that would end this process.
console.info = console.warn;

const http = createServer();
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const issuer = `http://127.0.0.1:${http.address().port}`;

const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
const native = { redirect_uris: ['http://127.0.0.1/oauth/callback'], application_type: 'native', grant_types: grants };
const machine = { redirect_uris: [], response_types: [] };
const certificate = process.env.CLIENT_JWKS && {
  ...machine,
  client_id: 'by-certificate',
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'PS256',
  jwks: JSON.parse(process.env.CLIENT_JWKS),
};

const provider = new Provider(issuer, {
  clients: [
    { ...native, client_id: 'public', token_endpoint_auth_method: 'none' },
    { ...native, client_id: 'by-basic', client_secret: 's3cret: 100%+', token_endpoint_auth_method: 'client_secret_basic' },
    { ...native, client_id: 'by-post', client_secret: 's3cret: 100%+', token_endpoint_auth_method: 'client_secret_post' },
    { ...machine, client_id: 'dovecot', client_secret: 'dovecot', grant_types: [] },
    ...(certificate ? [certificate] : []),
  ],
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, email: id }) }),
  claims: { email: ['email'] },
  conformIdTokenClaims: false, // the ID token tells the address, as Google's and Microsoft's do
  scopes: ['openid', 'offline_access', 'email', 'mail'],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: Number(process.env.ACCESS_TOKEN_SECONDS ?? 3600),
    AuthorizationCode: 60, ClientCredentials: 600, DeviceCode: 120, Grant: 86400, IdToken: 600, Interaction: 600,
    RefreshToken: 86400, Session: 86400,
  },
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true, allowedPolicy: async () => true },
    introspection: { enabled: true, allowedPolicy: async () => true },
  },
  cookies: { keys: ['for tests alone'] },
});

http.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit(0));
console.log(`ready ${issuer}`);
