// A real OpenID provider (npm oidc-provider) on a free port of 127.0.0.1, as strict as ProConnect about its query.
// Prints one line of JSON, {"issuer": …}, once it listens. Signs in without a screen whoever the header x-account
// names, at the level x-acr: headers, for a browser of the tests sends them on every hop and no query could carry them.
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider, { interactionPolicy } from 'oidc-provider';

const CALLBACK = 'http://127.0.0.1:9/connexion/retour';
const GOODBYE = 'http://127.0.0.1:9/au-revoir';
const ALLOWED = new Set(['response_type', 'client_id', 'redirect_uri', 'scope', 'claims', 'state', 'nonce', 'prompt',
  'idp_hint', 'login_hint']);
const PKCE = new Set(['code_challenge', 'code_challenge_method']);

const client = (client_id, more = {}) => ({
  client_id,
  client_secret: `${client_id}-`.padEnd(48, 's'),
  redirect_uris: [CALLBACK],
  post_logout_redirect_uris: [GOODBYE],
  token_endpoint_auth_method: 'client_secret_post',
  ...more,
});

const jwk = (type, options, kid) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, use: 'sig' });

const policy = interactionPolicy.base();
// ProConnect hands on what the identity provider gave: a level too low reaches the client, who must look.
['essential_acr', 'essential_acrs'].forEach((name) => policy.get('login').checks.remove(name));

function configuration(authMethods) {
  return {
    clients: [
      client('json'),
      client('jwt', { userinfo_signed_response_alg: 'RS256' }),
      client('es256', { id_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' }),
      client('hs256', { id_token_signed_response_alg: 'HS256', userinfo_signed_response_alg: 'HS256' }),
      client('basic', { token_endpoint_auth_method: 'client_secret_basic', client_secret: 'p@ss:word/+ '.padEnd(48, 's') }),
      client('brief'),
      client('pkce'),
      client('site', {
        redirect_uris: ['https://ateliers.example/pro/proconnect/retour'],
        post_logout_redirect_uris: ['https://ateliers.example/pro/proconnect/sorti'],
      }),
      client('site-brief', { redirect_uris: ['https://ateliers.example/pro/proconnect/retour'] }),
    ].filter((each) => authMethods.includes(each.token_endpoint_auth_method)),
    clientAuthMethods: authMethods,
    jwks: { keys: [jwk('rsa', { modulusLength: 2048 }, 'rsa-1'), jwk('ec', { namedCurve: 'P-256' }, 'ec-1')] },
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'],
      userinfoSigningAlgValues: ['RS256', 'ES256', 'HS256'],
    },
    acrValues: ['eidas0-mfa', 'eidas1', 'eidas1-mfa', 'eidas2', 'eidas3'],
    claims: {
      openid: ['sub'],
      acr: null,
      ...Object.fromEntries(
        ['given_name', 'usual_name', 'email', 'uid', 'siret', 'idp_id', 'organization_label'].map((name) => [name, [name]]),
      ),
    },
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      jwtUserinfo: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Who may call is settled with the provider beforehand: nobody is asked for a consent.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope(ctx.oidc.params.scope);
      grant.addOIDCClaims(['acr']);
      await grant.save();
      return grant;
    },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: async () => ({
        sub,
        given_name: 'Amina',
        usual_name: 'Diallo',
        email: `${sub}@exemple.fr`,
        uid: `uid-${sub}`,
        siret: '21230096900018',
        idp_id: 'an-identity-provider',
        organization_label: 'Commune de Guéret',
      }),
    }),
    pkce: { required: (_, { clientId }) => clientId === 'pkce' },
    ttl: {
      AuthorizationCode: (_ctx, _code, { clientId }) => (clientId.endsWith('brief') ? 1 : 30),
      AccessToken: 60,
      IdToken: 60,
      Interaction: 60,
      Session: 600,
      Grant: 600,
    },
    cookies: { keys: ['only for tests'] },
  };
}

function serve(authMethods) {
  const server = http.createServer();
  return new Promise((listening) => {
    server.listen(0, '127.0.0.1', () => {
      const issuer = `http://127.0.0.1:${server.address().port}/api/v2`;
      const provider = new Provider(issuer, configuration(authMethods));
      const protocol = provider.callback();
      server.on('request', async (request, response) => {
        const url = new URL(request.url, issuer);
        if (url.pathname.startsWith('/interaction/')) {
          const login = { accountId: request.headers['x-account'], acr: request.headers['x-acr'] };
          if (!login.accountId) {
            await provider.interactionFinished(request, response, { error: 'access_denied' });
            return;
          }
          await provider.interactionFinished(request, response, { login });
          return;
        }
        // Mounted under a path, as ProConnect is: the issuer has one.
        request.originalUrl = request.url;
        request.url = request.url.replace(/^\/api\/v2/, '') || '/';
        const extra = [...url.searchParams.keys()].filter(
          (name) => !ALLOWED.has(name) && !(PKCE.has(name) && url.searchParams.get('client_id') === 'pkce'),
        );
        if (url.pathname === '/api/v2/auth' && extra.length) {
          response.writeHead(400).end(`Y000400 : Bad Request Exception (${extra})`);
          return;
        }
        await protocol(request, response);
      });
      listening(issuer);
    });
  });
}

const issuer = await serve(['client_secret_post']);
const basic = await serve(['client_secret_basic']);
console.log(JSON.stringify({ issuer, basic }));
